"""Sends a request so that it can be cancelled at any moment.

Cancelled while it makes a connection, anyio, by which httpx connects, may forget one that was just made: it stays open
for as long as the process lives. So a connection is waited for, no longer than until its deadline, and then closed.
"""

import asyncio
from typing import Any

import httpx


async def send(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    """The response, of which only the head is read."""
    connecting = _Connecting()
    request.extensions["trace"] = connecting.trace
    sending = asyncio.create_task(transport.handle_async_request(request))
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        await _end(sending, connecting)
        raise


class _Connecting:
    """Whether a connection is being made, from what httpx says of its progress."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.over.set()

    async def trace(self, event: str, _: Any) -> None:
        if event == "connection.connect_tcp.started":
            self.over.clear()
        elif event.endswith(("send_request_headers.started", ".failed")):
            self.over.set()


async def _end(sending: "asyncio.Task[httpx.Response]", connecting: _Connecting) -> None:
    over = asyncio.create_task(connecting.over.wait())
    await asyncio.wait({sending, over}, return_when=asyncio.FIRST_COMPLETED)
    for task in (sending, over):
        task.cancel()
    outcome, _ = await asyncio.gather(sending, over, return_exceptions=True)
    if isinstance(outcome, httpx.Response):  # it came at the same moment
        await outcome.aclose()
