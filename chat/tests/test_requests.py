"""Requests that are refused, with an error that names what is wrong; and what is passed on to the language model."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chat import exchange
from chat.application import Chat
from chat.tests import raw_client
from chat.tests.bodies import CALL, RESULT
from chat.tests.conftest import served, upstream
from chat.tests.model_server import ModelServer
from chat.tests.test_disconnects import LONG_DEADLINES

MESSAGES = [{"role": "user", "content": "Hello?"}]


@pytest.fixture
def url(key: str, model: ModelServer) -> Iterator[str]:
    with served(Chat(upstream(model, LONG_DEADLINES))) as address:
        yield address


def test_request__body_that_does_not_come__408(
    url: str, key: str, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.2)
    with raw_client.call(url, key, body=b"{") as connection:
        connection.sendall(raw_client.head("localhost", key, 1000))  # and now nothing
        assert b"408" in raw_client.read_until(connection, b"408 ")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", "body"),
        (b"null", "body"),
        (b"[" * 30_000, "body"),
        (b"\xff", "body"),
        (b'{"model": "a", "model": "b"}', "model"),
        (b'{"model": "elara", "messages": NaN}', "body"),
        ({"messages": MESSAGES}, "model"),
        ({"model": 1, "messages": MESSAGES}, "model"),
        ({"model": "elara"}, "messages"),
        ({"model": "elara", "messages": "hi"}, "messages"),
        ({"model": "elara", "messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": "elara", "messages": [{"role": "root", "content": "x"}]}, "messages[0].role"),
        ({"model": "elara", "messages": [{"role": "user", "content": "\0"}]}, "messages.0.content"),
        ({"model": "elara", "messages": MESSAGES, "temperature": 2.1}, "temperature"),
        ({"model": "elara", "messages": MESSAGES, "temperature": "1"}, "temperature"),
        ({"model": "elara", "messages": MESSAGES, "stop": ["x"] * 5}, "stop"),
        ({"model": "elara", "messages": MESSAGES, "seed": 2**63}, "seed"),
        ({"model": "elara", "messages": MESSAGES, "seed": 10**100}, "body"),
        ({"model": "elara", "messages": MESSAGES, "n": 9}, "n"),
        ({"model": "elara", "messages": MESSAGES, "tools": {"type": "function"}}, "tools"),
        ({"model": "elara", "messages": MESSAGES, "top_k": 40}, "top_k"),
        ({"model": "elara", "messages": MESSAGES, "base_url": "http://169.254.169.254"}, "base_url"),
        ({"model": "elara", "messages": MESSAGES, "stream": True, "stream_options": {"x": 1}}, "stream_options.x"),
    ],
)
def test_request__bad_request__400_that_names_the_parameter(
    url: str, key: str, model: ModelServer, body: Any, param: str
) -> None:
    response = ask(url, key, body)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert set(error) == {"message", "type", "param", "code"}
    assert len(error["message"].split()) > 2, error["message"]
    assert not model.requests


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ({"top_logprobs": 0, "user": "", "n": 1}, {}),
        ({"prompt_cache_key": "a", "safety_identifier": "b"}, {"prompt_cache_key": "a", "safety_identifier": "b"}),
        ({"metadata": {"a": ""}, "store": True}, {"metadata": {"a": ""}, "store": True}),
        ({"metadata": {"a": ""}, "store": False}, {"store": False}),
        ({"metadata": {"a": ""}}, {}),
        ({"reasoning_effort": "low", "verbosity": "low"}, {"reasoning_effort": "low", "verbosity": "low"}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
    ],
)
def test_request__parameters_of_other_clients__passed_on_or_left_out(
    url: str, key: str, model: ModelServer, given: Any, passed_on: Any
) -> None:
    ask(url, key, {"model": "elara", "messages": MESSAGES, **given}).raise_for_status()
    body = model.requests[0][1]
    assert {name: body[name] for name in body if name not in {"model", "messages"}} == passed_on


@pytest.mark.parametrize("more", [{"content": None}, {"reasoning_content": "Hm."}, {"annotations": [], "audio": None}])
def test_request__answer_that_a_model_gave__sent_back(url: str, key: str, model: ModelServer, more: Any) -> None:
    given = {"role": "assistant", "content": "", **more}
    ask(url, key, {"model": "elara", "messages": [*MESSAGES, given, *MESSAGES]}).raise_for_status()
    assert model.requests[0][1]["messages"][2] == {"role": "assistant", "content": ""}


def test_request__reasoning_that_the_operator_lets_through__sent_back(
    url: str, key: str, model: ModelServer, settings: Any
) -> None:
    settings.LLM_EXTRA_PARAMETERS = ["reasoning_content"]
    given = {"role": "assistant", "content": None, "reasoning_content": "Hm.", "tool_calls": [CALL]}
    ask(url, key, {"model": "elara", "messages": [*MESSAGES, given, RESULT]}).raise_for_status()
    assert model.requests[0][1]["messages"][2:] == [given, RESULT]


def test_request__long_history__passed_on(url: str, key: str, model: ModelServer) -> None:
    messages = [{"role": "user", "content": "Как дела? " * 100}] * 150
    ask(url, key, {"model": "elara", "messages": messages}).raise_for_status()  # escaped: 0.8 MB
    assert model.requests[0][1]["messages"][1:] == messages


def ask(url: str, key: str, body: Any) -> httpx.Response:
    """As Python's json sends it, with each character escaped that is not ASCII."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{url}/chat/completions", content=content, headers=headers, trust_env=False, verify=False)


@pytest.mark.parametrize(
    ("method", "path", "content", "kind", "status"),
    [
        ("POST", "/chat/completions", b"x" * (2**20 + 1), "application/json", 413),
        ("POST", "/chat/completions", b"model=elara", "application/x-www-form-urlencoded", 415),
        ("POST", "/chat/completions", b"{}", "application/json; charset=utf-7", 415),
        ("GET", "/chat/completions", b"", "", 405),
        ("POST", "/models", b"", "", 405),
        ("GET", "/embeddings", b"", "", 404),
    ],
)
def test_request__other_mistakes__in_the_same_shape(
    url: str, key: str, method: str, path: str, content: bytes, kind: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    response = httpx.request(method, f"{url}{path}", content=content, headers=headers, trust_env=False, verify=False)
    assert (response.status_code, response.json()["error"]["type"]) == (status, "invalid_request_error")


@pytest.mark.parametrize(
    "message",
    [{"role": "x" * 900_000}, {"role": "user", "content": [{"type": "x" * 900_000}]}, {"type": "x" * 900_000}],
)
def test_request__long_text_at_fault__not_repeated_whole(url: str, key: str, message: dict[str, Any]) -> None:
    answer = ask(url, key, {"model": "elara", "messages": [message]})
    assert answer.status_code == 400
    assert len(answer.content) < 2_000
