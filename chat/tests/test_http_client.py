"""Connections to a server: used again, closed when they are old, and none is lost, whenever a request is cancelled."""

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import psutil
import pytest
import uvloop

from chat.backends import http_client
from chat.backends.http_client import BrokenResponse, ConnectTimeout, HttpClient, Unreachable
from chat.tests import model_server
from chat.tests.model_server import ModelServer, Writer
from tests.waiting import wait_until

FIRST, SECOND = 60, 8  # steps of the event loop: before the first cancellation, and from there to the second


@contextmanager
def at(model: ModelServer, seconds: float = 4, host: str = "127.0.0.1", **options: Any) -> Iterator[HttpClient]:
    url = f"http://{host}:{model.port}/v1/chat/completions"
    client = HttpClient(url, {}, connect_seconds=2, keep_alive_seconds=seconds, **options)
    yield client
    client.close()


async def ask(client: HttpClient) -> bytes:
    pieces = []
    async with client.post(b"{}") as response:
        while piece := await response.read(5):
            pieces.append(piece)
    return b"".join(pieces)


def sending(*pieces: bytes) -> model_server.Behaviour:
    """Sends these bytes and closes the connection."""

    async def behaviour(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
        for piece in pieces:
            await model_server.write(writer, piece)

    return behaviour


def test_connection__read_to_its_end__used_again(model: ModelServer) -> None:
    model.behaviour = model_server.answer_keep_alive

    async def twice_and_at_once() -> None:
        with at(model) as client:
            for _ in range(3):
                await ask(client)
            assert model.counts["connections"] == 1
            await asyncio.gather(*(ask(client) for _ in range(5)))
            assert model.counts["connections"] == 5
            await asyncio.gather(*(ask(client) for _ in range(5)))
            assert model.counts["connections"] == 5

    asyncio.run(twice_and_at_once())
    wait_until(lambda: model.connections == 0)


@pytest.mark.parametrize("behaviour", [model_server.answer, model_server.status("500 No"), model_server.flood])
def test_connection__that_cannot_be_used_again__closed(model: ModelServer, behaviour: model_server.Behaviour) -> None:
    model.behaviour = behaviour

    async def begin() -> None:
        with at(model) as client:
            for _ in range(2):
                async with client.post(b"{}") as response:
                    await response.read(5)
            await asyncio.to_thread(wait_until, lambda: model.connections == 0)

    asyncio.run(begin())
    assert model.counts["connections"] == 2


SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        SHORT + b"\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother",
        SHORT + b"\r\nok\r\n\r\n?",
        SHORT + b"Connection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_connection__with_more_than_was_asked_for__closed(model: ModelServer, answer: bytes) -> None:
    """What comes unasked must not answer the next request."""

    async def behaviour(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
        await model_server.write(writer, answer)
        await server.release.wait()

    async def twice() -> None:
        with at(model) as client:
            assert [await ask(client), await ask(client)] == [b"ok", b"ok"]

    model.behaviour = behaviour
    asyncio.run(twice())
    model.release_all()
    assert model.counts["connections"] == 2


def test_connection__unused_for_too_long__closed_with_the_next_request(model: ModelServer) -> None:
    model.behaviour = model_server.answer_keep_alive

    async def with_a_pause() -> None:
        with at(model, 0.2) as client:
            await asyncio.gather(*(ask(client) for _ in range(3)))
            await asyncio.sleep(0.3)
            await ask(client)
            await asyncio.to_thread(wait_until, lambda: model.connections == 1)

    asyncio.run(with_a_pause())
    assert model.counts["connections"] == 4


def test_connection__closed_by_the_server_meanwhile__not_used(model: ModelServer) -> None:
    async def close(server: ModelServer, writer: Writer, request: dict[str, object]) -> None:
        await model_server.answer_keep_alive(server, writer, request)  # and, unlike that one, ends the connection

    model.behaviour = close

    async def twice() -> None:
        with at(model) as client:
            await ask(client)
            await asyncio.to_thread(wait_until, lambda: model.connections == 0)
            await ask(client)

    asyncio.run(twice())
    assert model.counts["connections"] == 2


def test_connections__more_than_are_kept__closed(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_UNUSED", 3)
    model.behaviour = model_server.answer_keep_alive

    async def ten() -> None:
        with at(model) as client:
            await asyncio.gather(*(ask(client) for _ in range(10)))
            await asyncio.to_thread(wait_until, lambda: model.connections == 3)

    asyncio.run(ten())


def read(model: ModelServer, **options: Any) -> bytes:
    """The body of one response."""

    async def once() -> bytes:
        with at(model, **options) as client:
            return await ask(client)

    return asyncio.run(once())


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [SHORT + b"\r\nok"],
        [b"HTTP/1.1 200 OK\r\n\r\no", b"k"],
        [CHUNKED + b"1\r\no\r\n", b"1;a=b\r\nk\r\n0\r\nX: y\r\n\r\n"],
        [bytes([byte]) for byte in CHUNKED + b"2\r\nok\r\n0\r\n\r\n"],
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n" + SHORT + b"\r\nok",
        ],
        [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\ncontent-length: 2\r\n\r\nok"],
    ],
)
def test_response__however_framed_and_cut__its_body(model: ModelServer, pieces: list[bytes]) -> None:
    model.behaviour = sending(*pieces)
    assert read(model) == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        CHUNKED + b"5\r\nx",
        CHUNKED + b"x\r\n",
        CHUNKED + b"1" + b";a=b" * 5_000,
        CHUNKED + b"0\r\n" + b"a:b\r\n" * 5_000,
        b"HTTP/1.1 200 OK\r\n" + b"a:b\r\n" * 5_000,
        b"HTTP/1.1 200 OK\r\na:" + b"b" * 20_000,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 10_000,
    ],
)
def test_response__broken_or_without_bound__an_error(model: ModelServer, answer: bytes) -> None:
    model.behaviour = sending(answer)
    with pytest.raises(BrokenResponse):
        read(model)
    wait_until(lambda: model.connections == 0)


def test_response__reset__an_error(model: ModelServer) -> None:
    model.behaviour = model_server.reset
    with pytest.raises(BrokenResponse):
        read(model)


def test_response__faster_than_its_reader__the_server_waits(model: ModelServer) -> None:
    sent = 0

    async def flood(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
        nonlocal sent
        await model_server.start_response(writer, model_server.SSE)
        while True:
            await model_server.write(writer, b"x" * 65536)
            sent += 65536

    async def begin_and_wait() -> int:
        with at(model) as client:
            async with client.post(b"{}") as response:
                await response.read(5)
                before = -1
                while before < sent:  # what kernels and buffers hold
                    before = sent
                    await asyncio.sleep(0.2)
                return before

    model.behaviour = flood
    assert asyncio.run(begin_and_wait()) < 8 * 2**20


def test_server__nobody_listens__unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    async def once() -> None:
        await ask(HttpClient(f"http://127.0.0.1:{port}/", {}, connect_seconds=2, keep_alive_seconds=4))

    with pytest.raises(Unreachable, match="Connect call failed|refused"):
        asyncio.run(once())


def test_server__does_not_accept__connect_timeout() -> None:
    async def once(port: int) -> None:
        await ask(HttpClient(f"http://127.0.0.1:{port}/", {}, connect_seconds=0.3, keep_alive_seconds=4))

    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        others = [socket.socket() for _ in range(3)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        with pytest.raises(ConnectTimeout):
            asyncio.run(once(full.getsockname()[1]))
        for other in others:
            other.close()


def test_name__of_several_addresses__only_those_that_are_allowed(model: ModelServer) -> None:
    """localhost may have two addresses, of which one listens."""
    model.behaviour = model_server.answer_keep_alive
    assert b"Hello" in read(model, host="localhost", networks=[ip_network("127.0.0.0/8")])
    with pytest.raises(Unreachable, match="which is in no network"):
        read(model, host="localhost", networks=[ip_network("10.0.0.0/8")])
    assert model.counts["connections"] == 1


def test_requests__many_at_the_same_moment__each_costs_what_one_costs(model: ModelServer) -> None:
    """In calls, over open connections: a pool that looks through its list makes more of them the longer it is."""
    model.behaviour = model_server.answer_keep_alive

    async def calls(client: HttpClient, count: int) -> float:
        """How many functions each of `count` requests calls in this thread."""
        called = 0

        def count_call(_frame: object, event: str, _argument: object) -> None:
            nonlocal called
            called += event in ("call", "c_call")

        await asyncio.gather(*(ask(client) for _ in range(count)))
        sys.setprofile(count_call)
        try:
            await asyncio.gather(*(ask(client) for _ in range(count)))
        finally:
            sys.setprofile(None)
        return called / count

    async def ratio() -> float:
        with at(model) as client:
            few = await calls(client, 10)
            return await calls(client, 100) / few

    assert asyncio.run(ratio()) < 1.2


async def cancel_at_every_moment(client: HttpClient, port: int) -> None:
    for first in range(FIRST):
        for second in range(SECOND):
            await cancelled(asyncio.create_task(ask(client)), first, second)
    client.close()
    await asyncio.to_thread(wait_until, lambda: not connections(port))


async def cancelled(asking: "asyncio.Task[bytes]", first: int, second: int) -> None:
    """No cancellation is swallowed. A request that ended before has read the whole answer, or failed."""
    await steps(first)
    was_under_way = asking.cancel()
    await steps(second)
    asking.cancel()
    (outcome,) = await asyncio.gather(asking, return_exceptions=True)
    expected = (asyncio.CancelledError,) if was_under_way else (BrokenResponse, ConnectTimeout, bytes)
    assert isinstance(outcome, expected)


async def steps(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def connections(port: int) -> int:
    """In whatever state: one that the server has closed stays until it is closed here."""
    mine = psutil.Process().net_connections("tcp4")
    return sum(bool(found.raddr) and found.raddr[1] == port for found in mine)


LOOPS = [asyncio.SelectorEventLoop, uvloop.new_event_loop]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "behaviour", [model_server.silent, model_server.answer, model_server.flood, model_server.reset, sending(CHUNKED)]
)
def test_request__cancelled_at_any_moment__no_connection_left_open(
    model: ModelServer, behaviour: model_server.Behaviour, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    model.behaviour = behaviour
    with at(model) as client, asyncio.Runner(loop_factory=loop) as runner:
        runner.run(cancel_at_every_moment(client, model.port))
    wait_until(lambda: model.connections == 0)


@pytest.mark.parametrize("loop", LOOPS)
def test_request__cancelled_while_tls_is_agreed_on__no_connection_left_open(
    model: ModelServer, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """The server says nothing: it waits for a request over http."""
    url, tls = f"https://127.0.0.1:{model.port}/", ssl.create_default_context()
    client = HttpClient(url, {}, connect_seconds=0.05, keep_alive_seconds=4, ssl_context=tls)

    async def cancel_and_time_out() -> None:
        await cancel_at_every_moment(client, model.port)
        with pytest.raises((ConnectTimeout, Unreachable)):
            await ask(client)
        await asyncio.to_thread(wait_until, lambda: not connections(model.port))

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(cancel_and_time_out())
