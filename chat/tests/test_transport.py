"""A request may be cancelled at any moment, twice, and no connection is left open."""

import asyncio
from contextlib import aclosing
from typing import Any

import httpx
import psutil
import pytest

from chat.backends.connections import Connections
from chat.backends.transport import CancellableRequest
from chat.tests import model_server
from chat.tests.model_server import ModelServer
from tests.waiting import wait_until

FIRST, SECOND = 60, 8  # steps of the event loop: before the first cancellation, and from there to the second


async def ask(transport: httpx.AsyncBaseTransport, model: ModelServer) -> None:
    request = httpx.Request("POST", f"{model.url}/chat/completions", content=b"{}")
    async with aclosing(CancellableRequest(transport, request)) as sent:
        await sent.wait_for_response()
        while await sent.read():
            pass


async def cancel_at_every_moment(model: ModelServer) -> None:
    async with Connections(model.url, keep_alive_seconds=4) as transport:
        for first in range(FIRST):
            for second in range(SECOND):
                await cancelled(asyncio.create_task(ask(transport, model)), first, second)
        await asyncio.to_thread(wait_until, lambda: model.connections == 0 and not connections(model))


async def cancelled(asking: "asyncio.Task[None]", first: int, second: int) -> None:
    """No cancellation is swallowed. A request that ended before it has read the whole answer."""
    await steps(first)
    was_under_way = asking.cancel()
    await steps(second)
    asking.cancel()
    (outcome,) = await asyncio.gather(asking, return_exceptions=True)
    expected = (asyncio.CancelledError,) if was_under_way else (httpx.HTTPError, type(None))
    assert isinstance(outcome, expected)


async def steps(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def connections(model: ModelServer) -> int:
    """In whatever state: one that the server has closed stays until it is closed here."""
    mine = psutil.Process().net_connections("tcp4")
    return sum(bool(found.raddr) and found.raddr[1] == model.port for found in mine)


async def cut(server: ModelServer, writer: model_server.Writer, request: dict[str, Any]) -> None:
    """Ends in the middle, at once."""
    more = "Transfer-Encoding: chunked\r\n"
    await model_server.start_response(writer, model_server.SSE, more=more)


@pytest.mark.parametrize(
    "behaviour", [model_server.silent, model_server.answer, model_server.flood, model_server.reset, cut]
)
def test_request__cancelled_at_any_moment__no_connection_left_open(
    model: ModelServer, behaviour: model_server.Behaviour
) -> None:
    model.behaviour = behaviour
    asyncio.run(cancel_at_every_moment(model))


@pytest.mark.parametrize(("hints", "is_read"), [(3, True), (10_000, False)])
def test_response__informational_ones_before_it__a_few_are_read(model: ModelServer, hints: int, is_read: bool) -> None:
    async def behaviour(server: ModelServer, writer: model_server.Writer, request: dict[str, Any]) -> None:
        await model_server.write(writer, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * hints)
        await model_server.answer(server, writer, request)

    async def status() -> int:
        async with Connections(model.url, keep_alive_seconds=4) as transport:
            request = httpx.Request("POST", f"{model.url}/chat/completions", content=b"{}")
            async with aclosing(CancellableRequest(transport, request)) as sent:
                return (await sent.wait_for_response()).status_code

    model.behaviour = behaviour
    if is_read:
        assert asyncio.run(status()) == 200
    else:
        with pytest.raises(httpx.RemoteProtocolError, match="head"):
            asyncio.run(status())
