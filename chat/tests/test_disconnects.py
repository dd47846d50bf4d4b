"""Clients that disconnect, never read or come in hundreds: the language model is let go, and nothing is left behind."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from django.db import connections
from psycopg_pool import ConnectionPool

from chat import exchange
from chat.application import Chat
from chat.backends import ENDING, Chunk, Completion, Payload
from chat.backends.upstream import Deadlines
from chat.exchange import ClientDisconnected, Exchange
from chat.formats import ChatFormat
from chat.metrics import counts
from chat.streaming import stream
from chat.tests import model_server, raw_client
from chat.tests.conftest import served, upstream
from chat.tests.model_server import ModelServer
from tests.waiting import wait_until

LONG_DEADLINES = Deadlines(connect=60, first_byte=60, idle=60, total=60)  # 500 connections take a while
STEPS = 6  # of the event loop
SCOPE: Any = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}


@pytest.fixture
def url(key: str, model: ModelServer) -> Iterator[str]:
    with served(Chat(upstream(model, LONG_DEADLINES), keep_alive_seconds=0.2)) as address:
        yield address


def test_client__waits__comments_keep_the_connection(url: str, key: str, model: ModelServer) -> None:
    model.behaviour = model_server.silent
    with raw_client.call(url, key) as connection:
        got = raw_client.read_until(connection, b": still waiting\n\n")
    assert b"200 OK" in got
    assert b"text/event-stream" in got


@pytest.mark.parametrize("behaviour", [model_server.silent, model_server.wait_for_release, model_server.drip])
@pytest.mark.parametrize("stream", [True, False])
def test_client__hangs_up__the_model_is_released_within_two_seconds(
    url: str, key: str, model: ModelServer, behaviour: model_server.Behaviour, stream: bool
) -> None:
    model.behaviour = behaviour if stream else model_server.silent
    connection = raw_client.call(url, key, stream=stream)
    wait_until(lambda: model.connections == 1 and len(model.requests) == 1)
    raw_client.reset(connection)
    wait_until(lambda: model.connections == 0, 2)
    wait_until(lambda: counts.streams == 0, 2)


def test_client__never_reads__cut_off(url: str, key: str, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SEND_SECONDS", 0.5)
    model.behaviour = model_server.flood
    with raw_client.call(url, key):
        wait_until(lambda: model.counts["sent"] > 10)
        wait_until(lambda: model.connections == 0)
    assert counts.streams == 0


class TalkativeBackend:
    """Streams without end, and counts the chunks that were taken."""

    stream_seconds: float | None = None

    def __init__(self) -> None:
        self.taken, self.is_let_go = 0, False

    async def complete(self, payload: Payload) -> Completion:
        raise NotImplementedError

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        try:
            while True:
                self.taken += 1
                yield {"choices": []}
        finally:
            self.is_let_go = True


def test_client__never_reads__nothing_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted without sockets, whose buffers the kernel may make as large as it likes."""
    monkeypatch.setattr(exchange, "SEND_SECONDS", 0.2)
    backend = TalkativeBackend()

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    async def ask() -> None:
        with pytest.raises(ClientDisconnected):
            await stream(Exchange(SCOPE, never, never), backend, {"messages": []}, ChatFormat("elara"), 15)
        assert backend.is_let_go

    asyncio.run(ask())
    assert backend.taken == 1


class SlowBackend(TalkativeBackend):
    """Streams these chunks; between them the clock of the event loop goes on by `gap` seconds, and nobody waits."""

    stream_seconds = 100

    def __init__(self, patch: pytest.MonkeyPatch, gap: int, *chunks: Chunk) -> None:
        super().__init__()
        self.patch, self.gap, self.told = patch, gap, chunks

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, chunk in enumerate(self.told):
            self.patch.setattr(loop, "time", lambda now=began + number * self.gap: now)
            await step(STEPS)
            yield chunk
            await step(STEPS)


def streamed(backend: SlowBackend) -> bytes:
    """The whole body, with a comment whenever nothing came for fifteen seconds."""
    told: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(event: Any) -> None:
        told.append(event)

    asyncio.run(stream(Exchange(SCOPE, receive, send), backend, {"messages": []}, ChatFormat("elara"), 15))
    assert not told[-1].get("more_body")
    return b"".join(event.get("body", b"") for event in told)


CHUNK: Chunk = {"choices": []}


@pytest.mark.parametrize(("gap", "comments"), [(10, 0), (20, 3)])
def test_client__waits_for_each_chunk__comments_where_none_came_in_time(
    monkeypatch: pytest.MonkeyPatch, gap: int, comments: int
) -> None:
    body = streamed(SlowBackend(monkeypatch, gap, *[CHUNK] * 4))
    assert (body.count(b'"choices"'), body.count(b": still waiting\n\n")) == (4, comments)


@pytest.mark.parametrize(("chunks", "is_whole"), [([CHUNK, ENDING, CHUNK], True), ([CHUNK] * 3, False)])
def test_client__its_time_is_over__told_so_unless_the_answer_had_ended(
    monkeypatch: pytest.MonkeyPatch, chunks: list[Chunk], is_whole: bool
) -> None:
    body = streamed(SlowBackend(monkeypatch, 90, *chunks))
    assert (body.endswith(b"data: [DONE]\n\n"), b"took too long" in body) == (is_whole, not is_whole)


def test_client__two_hundred_reset_at_once__nothing_stays(url: str, key: str, model: ModelServer) -> None:
    model.behaviour = model_server.wait_for_release
    for connection in [raw_client.call(url, key) for _ in range(200)]:
        raw_client.reset(connection)
    wait_until(lambda: model.connections == 0 and counts.streams == 0)
    model.behaviour = model_server.answer
    with raw_client.call(url, key) as connection:
        raw_client.read_until(connection, b"[DONE]")


def test_client__two_streams_at_once__both_counted_while_they_last(url: str, key: str, model: ModelServer) -> None:
    model.behaviour = model_server.wait_for_release
    with raw_client.call(url, key) as one, raw_client.call(url, key) as other:
        wait_until(lambda: counts.streams == 2)
        model.release_all()
        for connection in (one, other):
            raw_client.read_until(connection, b"[DONE]")
    wait_until(lambda: counts.streams == 0)


def test_client__five_hundred_streams_at_once__no_connection_to_the_database(
    url: str, key: str, model: ModelServer
) -> None:
    pool: ConnectionPool[Any] = connections["default"].pool  # type: ignore[attr-defined]
    model.behaviour = model_server.wait_for_release
    used = in_use(pool)

    def meanwhile() -> None:
        wait_until(lambda: model.counts["waiting"] == counts.streams == 500)
        wait_until(lambda: in_use(pool) == used)
        model.release_all()

    answers = asyncio.run(raw_client.streams(url, key, 500, meanwhile))
    assert all(b"there." in answer and b"data: [DONE]" in answer for answer in answers)


def in_use(pool: ConnectionPool[Any]) -> int:
    stats = pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


async def step(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def disconnect_after(disconnect_step: int, steps: int) -> list[Any]:
    """What is reported to the event loop when the client disconnects at a step of work that takes so many."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def receive() -> Any:
        await step(disconnect_step)
        return {"type": "http.disconnect"}

    try:
        async with Exchange(SCOPE, receive, receive).cancelled_on_disconnect():  # type: ignore[arg-type]
            await step(steps)
    except ClientDisconnected:
        assert disconnect_step <= steps
    await step(STEPS)
    return reported


@pytest.mark.parametrize("steps", range(STEPS))
@pytest.mark.parametrize("disconnect_step", range(STEPS))
def test_client__hangs_up_at_any_step__no_error_in_the_event_loop(disconnect_step: int, steps: int) -> None:
    assert not asyncio.run(disconnect_after(disconnect_step, steps))
