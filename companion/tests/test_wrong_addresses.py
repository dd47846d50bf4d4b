"""A client with a wrong base URL is told the right address, in OpenAI's words and without a key; nobody else is."""

import json
from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest

from companion.hot_read import HotReader
from companion.mount import is_secure_request
from companion.tests.asgi_client import HOST, Answer, AsgiClient, request

pytestmark = pytest.mark.apps("chat")
CHAT, MODELS = "/v1/chat/completions", "/v1/models"


@pytest.fixture(autouse=True)
def _one_host(settings: Any) -> Iterator[None]:
    """This setting is cached; forget it afterwards."""
    settings.ALLOWED_HOSTS = [HOST]
    yield
    is_secure_request.cache_clear()


def at(ask: AsgiClient, application: HotReader, path: str, method: str = "POST", **others: Any) -> Answer:
    return ask(application, request(path, [(b"host", HOST.encode())], method, **others))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("//v1/chat/completions", CHAT),
        ("/v1//chat/completions", CHAT),
        ("/v1/v1/chat/completions", CHAT),
        ("/v1/chat/completions/", CHAT),
        ("/V1/Chat/Completions", CHAT),
        ("/v1/chat/completions/chat/completions", CHAT),
        ("/api/v1/chat/completions", CHAT),
        ("/api/chat/completions", CHAT),
        ("/openai/v1/chat/completions", CHAT),
        ("/openai/deployments/elara/chat/completions", CHAT),
        ("/openai/deployments/elara/models", MODELS),
        ("/v1beta/openai/chat/completions", CHAT),
        ("/chat/completions/", CHAT),
        ("/models", MODELS),
        ("/api/v1/models/", MODELS),
        ("/v1/models/", MODELS),
        ("/v1/chat/completions/models", MODELS),
        ("//v1//models//Elara/", f"{MODELS}/Elara"),
    ],
)
def test_address__mistaken__404_says_the_right_one(
    ask: AsgiClient, application: HotReader, path: str, right: str, method: str
) -> None:
    answer = at(ask, application, path, method)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"], error["type"]) == (404, "unknown_url", "invalid_request_error")
    assert error["message"].startswith(f"Invalid URL ({method} {path}): ask {right}. The base URL ")


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings", "/embeddings", "/v1/audio/speech", "/v1"])
def test_address__of_what_is_not_offered__404_says_what_is(ask: AsgiClient, application: HotReader, path: str) -> None:
    answer = at(ask, application, path)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (404, "unknown_url")
    assert f"{CHAT}, {MODELS}" in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize("path", ["/api/v1/personalities/models/", "/api/v1/personalities/completions/id/"])
def test_address__of_a_personality__as_ever(ask: AsgiClient, application: HotReader, path: str) -> None:
    assert at(ask, application, path, "GET").header(b"content-type") == b"application/problem+json"


@pytest.mark.parametrize("part", ["/", "/v1", "/chat/completions", "/models"])
def test_address__as_long_as_it_may_be__compared_in_no_time(ask: AsgiClient, application: HotReader, part: str) -> None:
    path = (part * 8000)[:8000]
    started = process_time()
    assert at(ask, application, path).status == 404
    assert process_time() - started < 1
