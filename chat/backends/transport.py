"""An HTTP request whose caller may be cancelled at any moment, and more than once, without losing the connection.

httpcore, below httpx, may forget a connection when it is cancelled while it opens or releases one: it stays open for as
long as the process lives. So a task of its own makes the request: it is cancelled at most once, and never at those
moments.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import cast

import httpcore
import httpx

from rest.metadata_addresses import is_metadata_host

MAX_HEAD_BYTES = 16 * 1024  # of a response: status line and headers, any number of informational ones included
HEAD_PIECE_BYTES = 1024  # read at a time: parsing many short informational responses takes long
Networks = Iterable[IPv4Network | IPv6Network]
READ_AHEAD = 4  # pieces of the body; beyond them the server waits for the reader


class CancellableRequest:
    """A request in progress and its response. Whoever creates it must close it."""

    response: httpx.Response  # set once `wait_for_response` has returned

    def __init__(self, transport: httpx.AsyncBaseTransport, request: httpx.Request, networks: Networks = ()) -> None:
        """A new connection is closed before anything is sent unless it leads into one of `networks`, if any."""
        self._pieces: deque[bytes] = deque()
        self._changed, self._has_room, self._is_releasing = asyncio.Event(), asyncio.Event(), False
        self._trace = _Trace(networks)
        request.extensions["trace"] = self._trace
        self._task = asyncio.create_task(self._run(transport, request))
        self._task.add_done_callback(lambda _: self._changed.set())

    async def wait_for_response(self) -> httpx.Response:
        """The response, of which only status and headers have been read. Raises httpx.HTTPError."""
        await self._changed.wait()
        if not hasattr(self, "response"):
            self._task.result()
        return self.response

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end. Raises httpx.HTTPError."""
        while not self._pieces and not self._task.done():
            self._changed.clear()
            await self._changed.wait()
        self._has_room.set()
        return self._pieces.popleft() if self._pieces else self._task.result() or b""

    async def aclose(self) -> None:
        """Ends the request. Returns once the connection has been released or closed, even if cancelled meanwhile."""
        ending, is_cancelled = asyncio.create_task(self._end()), False
        while not ending.done():
            try:
                await asyncio.wait({ending})
            except asyncio.CancelledError:
                is_cancelled = True
        if is_cancelled:
            raise asyncio.CancelledError

    async def _run(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        _trace_of_task.set(self._trace)
        self.response = await transport.handle_async_request(request)
        self._changed.set()
        try:
            # Not with aiter_raw, which closes the stream before `_is_releasing` can be set.
            async for piece in cast(httpx.AsyncByteStream, self.response.stream):
                await self._hand_over(piece)
        finally:
            self._is_releasing = True
            await self.response.aclose()

    async def _hand_over(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._changed.set()
        if len(self._pieces) >= READ_AHEAD:
            self._has_room.clear()
            await self._has_room.wait()

    async def _end(self) -> None:
        connected = asyncio.create_task(self._trace.is_connected.wait())
        await asyncio.wait({self._task, connected}, return_when=asyncio.FIRST_COMPLETED)
        connected.cancel()
        if not (self._is_releasing or self._trace.is_closing):
            self._task.cancel()
        await asyncio.gather(self._task, connected, return_exceptions=True)
        del self._task  # its exception refers to this object: a reference cycle


class _Trace:
    """Hears from httpcore how far the request is. An object of its own, because the response refers to it."""

    def __init__(self, networks: Networks) -> None:
        self.is_connected, self._networks = asyncio.Event(), networks
        self.is_closing = False  # httpcore gives the connection back, because of an error, say
        self.head_bytes: int | None = MAX_HEAD_BYTES  # that may still be read; None once the head is complete

    async def __call__(self, event: str, info: Mapping[str, httpcore.AsyncNetworkStream]) -> None:
        if event.endswith("connect_tcp.complete"):
            await _check_peer(info["return_value"], self._networks)
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            _bound_heads(info["return_value"])
        if event.endswith("send_request_headers.started"):
            self.is_connected.set()
        if event.endswith("response_closed.started"):
            self.is_closing = True
        if event.endswith("receive_response_headers.complete"):
            self.head_bytes = None


_trace_of_task: ContextVar[_Trace] = ContextVar("trace_of_task")


async def _check_peer(stream: httpcore.AsyncNetworkStream, networks: Networks) -> None:
    """Nothing has been sent yet, and what the name leads to cannot change any more."""
    host, _ = stream.get_extra_info("server_addr")
    if refusal := _refusal(host, networks):
        await stream.aclose()
        raise httpx.ConnectError(f"its name leads to {host}, {refusal}")


def _refusal(host: str, networks: Networks) -> str:
    if is_metadata_host(host):
        return "where clouds serve a machine's secrets"
    address = ip_address(host.partition("%")[0])
    address = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
    is_allowed = not networks or any(address in network for network in networks)
    return "" if is_allowed else "which is in no network of LLM_HTTP_HOSTS"


def _bound_heads(stream: httpcore.AsyncNetworkStream) -> None:
    """Bound what is read of this connection before a response has a complete head, which httpcore itself does not."""
    read = stream.read

    async def read_bounded(max_bytes: int, timeout: float | None = None) -> bytes:
        trace = _trace_of_task.get()
        if trace.head_bytes is None:
            return await read(max_bytes, timeout)
        piece = await read(min(max_bytes, HEAD_PIECE_BYTES), timeout)
        trace.head_bytes -= len(piece)
        if trace.head_bytes < 0:
            raise httpcore.RemoteProtocolError(f"The head of its response has more than {MAX_HEAD_BYTES} bytes.")
        return piece

    stream.read = read_bounded  # type: ignore[method-assign]
