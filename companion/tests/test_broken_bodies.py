"""A caller whose body is broken is told so, in the words of each front."""

import json
from typing import Any

import pytest

from companion.bodies import Bodies
from companion.tests.asgi_client import AsgiClient, request


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing, as to a caller who is gone."""


async def talkative(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"good"})


def test_body__broken__400(ask: AsgiClient) -> None:
    answer = ask(Bodies(silent), request("/api/v1/personalities/", [], "POST"))
    assert (answer.status, list(json.loads(answer.body)["errors"])) == (400, ["body"])


@pytest.mark.apps("chat")
def test_body__broken_for_chat__400_as_openai_says_it(ask: AsgiClient) -> None:
    answer = ask(Bodies(silent), request("/v1/chat/completions", [], "POST"))
    assert (answer.status, json.loads(answer.body)["error"]["param"]) == (400, "body")


def test_body__whole__answered_by_the_application_alone(ask: AsgiClient) -> None:
    answer = ask(Bodies(talkative), request("/", []))
    assert (answer.status, answer.body) == (200, b"good")


def test_caller__gone__nothing_raised(ask: AsgiClient) -> None:
    async def gone(event: Any) -> None:
        raise BrokenPipeError

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await Bodies(silent)(scope, receive, gone)
        await talkative(scope, receive, send)

    assert ask(call, request("/", [])).status == 200
