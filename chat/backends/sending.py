"""Asks a server so that whoever waits for the answer may be cancelled at any moment, and as often.

Cancelled while it makes a connection or gives it back, what httpx stands on may forget it: it stays open for as long as
the process lives. So a task of its own asks, which is cancelled at most once, and while it does neither.
"""

import asyncio
from collections import deque
from typing import Any, cast

import httpx

READ_AHEAD = 4  # pieces, of 64 KiB at most; then the server waits for the caller


class Asked:
    """A request on its way, and what comes of the answer. Whoever makes it closes it."""

    response: httpx.Response  # from `head` on

    def __init__(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        self._pieces: deque[bytes] = deque()
        self._news, self._room, self._is_closing = asyncio.Event(), asyncio.Event(), False
        self._progress = _Progress()
        request.extensions["trace"] = self._progress.trace
        self._task = asyncio.create_task(self._read(transport, request))
        self._task.add_done_callback(lambda _: self._news.set())

    async def head(self) -> httpx.Response:
        """Raises httpx.HTTPError."""
        await self._news.wait()
        if not hasattr(self, "response"):
            self._task.result()
        return self.response

    async def piece(self) -> bytes:
        """The next of the body; nothing at its end. Raises httpx.HTTPError."""
        while not self._pieces and not self._task.done():
            self._news.clear()
            await self._news.wait()
        self._room.set()
        return self._pieces.popleft() if self._pieces else self._task.result() or b""

    async def aclose(self) -> None:
        """Lasts until the connection is given back, or there is none any more."""
        ending, is_cancelled = asyncio.create_task(self._end()), False
        while not ending.done():
            try:
                await asyncio.wait({ending})
            except asyncio.CancelledError:
                is_cancelled = True
        if is_cancelled:
            raise asyncio.CancelledError

    async def _read(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        self.response = await transport.handle_async_request(request)
        self._news.set()
        try:
            # Not by aiter_raw, which closes it before anybody can know that.
            async for piece in cast(httpx.AsyncByteStream, self.response.stream):
                await self._hand_over(piece)
        finally:
            self._is_closing = True
            await self.response.aclose()

    async def _hand_over(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._news.set()
        if len(self._pieces) >= READ_AHEAD:
            self._room.clear()
            await self._room.wait()

    async def _end(self) -> None:
        connected = asyncio.create_task(self._progress.is_sent.wait())
        await asyncio.wait({self._task, connected}, return_when=asyncio.FIRST_COMPLETED)
        connected.cancel()
        if not self._is_closing:
            self._task.cancel()
        await asyncio.gather(self._task, connected, return_exceptions=True)
        del self._task  # its error holds what is held here: they would hold each other


class _Progress:
    """What httpx says of it. An object of its own: the response holds it."""

    def __init__(self) -> None:
        self.is_sent = asyncio.Event()  # or is about to be: over a connection that is there

    async def trace(self, event: str, _: Any) -> None:
        if event.endswith("send_request_headers.started"):
            self.is_sent.set()
