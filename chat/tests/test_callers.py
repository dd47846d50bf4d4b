"""Bad callers: who hangs up, who never reads, who sends what is no request; and many at once."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx
import pytest
from django.db import connections
from psycopg_pool import ConnectionPool

from chat import exchange
from chat.asgi import Chat
from chat.backends.upstream import Deadlines
from chat.metrics import numbers
from chat.streaming import BUFFERED, stream
from chat.tests import model_server as moods
from chat.tests import raw
from chat.tests.conftest import served, upstream
from chat.tests.model_server import ModelServer
from tests.waiting import wait_until

PATIENT = Deadlines(connect=60, first_byte=60, idle=60, total=60)  # a busy machine is slow to connect 500


@pytest.fixture
def url(key: str, model: ModelServer) -> Iterator[str]:
    with served(Chat(upstream(model, PATIENT), keep_alive_seconds=0.2)) as address:
        yield address


def test_caller__waits__comments_keep_the_connection(url: str, key: str, model: ModelServer) -> None:
    model.mood = moods.silent
    with raw.call(url, key) as connection:
        got = raw.read_until(connection, b": still waiting\n\n")
    assert b"200 OK" in got
    assert b"text/event-stream" in got


@pytest.mark.parametrize("mood", [moods.silent, moods.wait_for_release, moods.drip])
@pytest.mark.parametrize("stream", [True, False])
def test_caller__hangs_up__the_model_is_let_go_within_two_seconds(
    url: str, key: str, model: ModelServer, mood: moods.Mood, stream: bool
) -> None:
    model.mood = mood if stream else moods.silent
    connection = raw.call(url, key, stream=stream)
    wait_until(lambda: model.connections == 1 and len(model.asked) == 1)
    raw.reset(connection)
    wait_until(lambda: model.connections == 0, 2)
    wait_until(lambda: numbers.streams == 0, 2)


def test_caller__never_reads__cut_off(url: str, key: str, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SEND_SECONDS", 0.5)
    model.mood = moods.flood
    with raw.call(url, key):
        wait_until(lambda: model.counted["sent"] > 10)
        wait_until(lambda: model.connections == 0)
    assert numbers.streams == 0


def test_caller__never_reads__next_to_nothing_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted without sockets, in whose buffers the kernel keeps as much as it likes."""
    monkeypatch.setattr(exchange, "SEND_SECONDS", 0.2)
    said: list[int] = []

    async def talk() -> AsyncGenerator[dict[str, Any], None]:
        while True:
            said.append(1)
            yield {"choices": []}

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    asking = exchange.Exchange(request("/v1/chat/completions"), never, never)
    with pytest.raises(exchange.CallerGone):
        asyncio.run(stream(asking, talk(), None, "elara", 15))
    assert len(said) <= BUFFERED + 2


def request(path: str) -> Any:
    return {"type": "http", "method": "POST", "path": path, "headers": []}


def test_caller__two_hundred_reset_at_once__nothing_stays(url: str, key: str, model: ModelServer) -> None:
    model.mood = moods.wait_for_release
    for connection in [raw.call(url, key) for _ in range(200)]:
        raw.reset(connection)
    wait_until(lambda: model.connections == 0 and numbers.streams == 0)
    model.mood = moods.speak
    with raw.call(url, key) as connection:
        raw.read_until(connection, b"[DONE]")


def test_caller__five_hundred_streams_at_once__no_connection_to_the_database(
    url: str, key: str, model: ModelServer
) -> None:
    pool: ConnectionPool[Any] = connections["default"].pool  # type: ignore[attr-defined]
    model.mood = moods.wait_for_release
    used = in_use(pool)

    def meanwhile() -> None:
        wait_until(lambda: model.counted["waiting"] == numbers.streams == 500)
        wait_until(lambda: in_use(pool) == used)
        model.let_go()

    answers = asyncio.run(raw.streams(url, key, 500, meanwhile))
    assert all(b"there." in answer and b"data: [DONE]" in answer for answer in answers)


def in_use(pool: ConnectionPool[Any]) -> int:
    stats = pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


def test_caller__body_that_does_not_come__408(
    url: str, key: str, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.2)
    with raw.call(url, key, body=b"{") as connection:
        connection.sendall(raw.head("localhost", key, 1000))  # and now nothing
        assert b"408" in raw.read_until(connection, b"408 ")


MESSAGES = [{"role": "user", "content": "Hello?"}]


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
        ({"model": "elara", "messages": MESSAGES, "n": 2}, "n"),
        ({"model": "elara", "messages": MESSAGES, "tools": [{"type": "function"}]}, "tools"),
        ({"model": "elara", "messages": MESSAGES, "base_url": "http://169.254.169.254"}, "base_url"),
        ({"model": "elara", "messages": MESSAGES, "stream_options": {}}, "stream_options"),
    ],
)
def test_caller__bad_request__400_that_names_the_parameter(
    url: str, key: str, model: ModelServer, body: Any, param: str
) -> None:
    said = ask(url, key, body)
    error = said.json()["error"]
    assert (said.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert set(error) == {"message", "type", "param", "code"}
    assert len(error["message"].split()) > 2, error["message"]
    assert not model.asked


@pytest.mark.parametrize(
    ("given", "heard"),
    [
        ({"top_logprobs": 0, "user": "", "n": 1}, {}),
        ({"prompt_cache_key": "a", "safety_identifier": "b"}, {}),
        ({"metadata": {"a": ""}}, {"metadata": {"a": ""}}),
        ({"reasoning_effort": "low", "verbosity": "low"}, {"reasoning_effort": "low", "verbosity": "low"}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
    ],
)
def test_caller__parameters_of_other_clients__passed_on_or_left_out(
    url: str, key: str, model: ModelServer, given: Any, heard: Any
) -> None:
    ask(url, key, {"model": "elara", "messages": MESSAGES, **given}).raise_for_status()
    asked = model.asked[0][1]
    assert {name: asked[name] for name in asked if name not in {"model", "messages"}} == heard


@pytest.mark.parametrize("more", [{"content": None}, {"reasoning_content": "Hm."}, {"annotations": [], "audio": None}])
def test_caller__answer_that_a_model_gave__sent_back(url: str, key: str, model: ModelServer, more: Any) -> None:
    given = {"role": "assistant", "content": "", **more}
    ask(url, key, {"model": "elara", "messages": [*MESSAGES, given, *MESSAGES]}).raise_for_status()
    assert model.asked[0][1]["messages"][2] == {"role": "assistant", "content": ""}


def test_caller__long_history__passed_on(url: str, key: str, model: ModelServer) -> None:
    messages = [{"role": "user", "content": "Как дела? " * 100}] * 150
    ask(url, key, {"model": "elara", "messages": messages}).raise_for_status()  # escaped: 0.8 MB
    assert model.asked[0][1]["messages"][1:] == messages


def ask(url: str, key: str, body: Any) -> httpx.Response:
    """As Python's json sends it, with each character escaped that is not ASCII."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{url}/chat/completions", content=content, headers=headers, trust_env=False)


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
def test_caller__other_mistakes__in_the_same_shape(
    url: str, key: str, method: str, path: str, content: bytes, kind: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    said = httpx.request(method, f"{url}{path}", content=content, headers=headers, trust_env=False)
    assert (said.status_code, said.json()["error"]["type"]) == (status, "invalid_request_error")
