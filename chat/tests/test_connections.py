"""Connections to a language model's server: used again, closed when they are old, and found without looking at all."""

import asyncio
from contextlib import aclosing
from time import process_time

import httpx
import pytest

from chat.backends import connections
from chat.backends.connections import Connections
from chat.backends.transport import CancellableRequest
from chat.tests import model_server
from chat.tests.model_server import ModelServer, Writer
from tests.waiting import wait_until


def at(model: ModelServer, seconds: float = 4) -> Connections:
    return Connections(model.url, keep_alive_seconds=seconds)


async def ask(server: Connections, model: ModelServer) -> bytes:
    request = httpx.Request("POST", f"{model.url}/chat/completions", content=b"{}")
    pieces = []
    async with aclosing(CancellableRequest(server, request)) as sent:
        await sent.wait_for_response()
        while piece := await sent.read():
            pieces.append(piece)
    return b"".join(pieces)


def test_connection__read_to_its_end__used_again(model: ModelServer) -> None:
    model.behaviour = model_server.answer_keep_alive

    async def twice_and_at_once() -> None:
        async with at(model) as server:
            for _ in range(3):
                await ask(server, model)
            assert model.counts["connections"] == 1
            await asyncio.gather(*(ask(server, model) for _ in range(5)))
            assert model.counts["connections"] == 5
            await asyncio.gather(*(ask(server, model) for _ in range(5)))
            assert model.counts["connections"] == 5

    asyncio.run(twice_and_at_once())
    wait_until(lambda: model.connections == 0)


@pytest.mark.parametrize("behaviour", [model_server.answer, model_server.status("500 No"), model_server.flood])
def test_connection__that_cannot_be_used_again__closed(model: ModelServer, behaviour: model_server.Behaviour) -> None:
    model.behaviour = behaviour

    async def begin() -> None:
        async with at(model) as server:
            for _ in range(2):
                request = httpx.Request("POST", f"{model.url}/chat/completions", content=b"{}")
                async with aclosing(CancellableRequest(server, request)) as sent:
                    await sent.wait_for_response()
                    await sent.read()
            await asyncio.to_thread(wait_until, lambda: model.connections == 0)

    asyncio.run(begin())
    assert model.counts["connections"] == 2


def test_connection__unused_for_too_long__closed_with_the_next_request(model: ModelServer) -> None:
    model.behaviour = model_server.answer_keep_alive

    async def with_a_pause() -> None:
        async with at(model, 0.2) as server:
            await asyncio.gather(*(ask(server, model) for _ in range(3)))
            await asyncio.sleep(0.3)
            await ask(server, model)
            await asyncio.to_thread(wait_until, lambda: model.connections == 1)

    asyncio.run(with_a_pause())
    assert model.counts["connections"] == 4


def test_connection__closed_by_the_server_meanwhile__not_used(model: ModelServer) -> None:
    async def close(server: ModelServer, writer: Writer, request: dict[str, object]) -> None:
        await model_server.answer_keep_alive(server, writer, request)  # and, unlike that one, ends the connection

    model.behaviour = close

    async def twice() -> None:
        async with at(model) as server:
            await ask(server, model)
            await asyncio.to_thread(wait_until, lambda: model.connections == 0)
            await ask(server, model)

    asyncio.run(twice())
    assert model.counts["connections"] == 2


def test_connections__more_than_are_kept__closed(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_UNUSED", 3)
    model.behaviour = model_server.answer_keep_alive

    async def ten() -> None:
        async with at(model) as server:
            await asyncio.gather(*(ask(server, model) for _ in range(10)))
            await asyncio.to_thread(wait_until, lambda: model.connections == 3)

    asyncio.run(ten())


def test_error__of_the_server_or_on_the_way__httpxs(model: ModelServer) -> None:
    async def fail(behaviour: model_server.Behaviour) -> None:
        model.behaviour = behaviour
        async with at(model) as server:
            await ask(server, model)

    for behaviour in (model_server.reset, model_server.status("200 OK", b"x", "Content-Length: 5\r\n")):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            asyncio.run(fail(behaviour))

    async def unreachable() -> None:
        async with Connections("http://127.0.0.1:1/", keep_alive_seconds=4) as server:
            await server.handle_async_request(httpx.Request("POST", "http://127.0.0.1:1/", content=b""))

    with pytest.raises(httpx.ConnectError):
        asyncio.run(unreachable())


def test_requests__many_at_the_same_moment__each_costs_what_one_costs(model: ModelServer) -> None:
    """Of this process's time alone, over connections that are open: with httpcore's pool it was 2.8 times as much."""
    model.behaviour = model_server.answer_keep_alive

    async def cost(server: Connections, count: int) -> float:
        await asyncio.gather(*(ask(server, model) for _ in range(count)))
        start = process_time()
        await asyncio.gather(*(ask(server, model) for _ in range(count)))
        return (process_time() - start) / count

    async def ratio() -> float:
        async with at(model) as server:
            few = min([await cost(server, 10) for _ in range(5)])
            return await cost(server, 100) / few

    assert asyncio.run(ratio()) < 2
