"""Connections to one server: as many as there are requests, and those that are unused for a while for the next ones.

httpcore's own pool serves any number of servers. Whenever a request begins or ends it looks at all connections, and at
all of them again for each that is unused: fifty requests that begin at the same moment cost it a quarter of a second.
"""

import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import NamedTuple, cast

import httpcore
import httpx

SocketOptions = Iterable[httpcore.SOCKET_OPTION]
MAX_UNUSED = 100


class _Unused(NamedTuple):
    connection: httpcore.AsyncHTTPConnection
    since: float


class Connections(httpx.AsyncBaseTransport):
    """A transport for httpx's requests to one server. It follows no redirect, knows no proxy and keeps no cookie."""

    def __init__(
        self,
        url: str,
        *,
        keep_alive_seconds: float,
        ssl_context: ssl.SSLContext | None = None,
        socket_options: SocketOptions = (),
    ) -> None:
        """`url` is any of the server; the usual authorities count unless `ssl_context` says otherwise."""
        self._origin, self._ssl_context, self._socket_options = httpcore.URL(url).origin, ssl_context, socket_options
        self._keep_alive_seconds = keep_alive_seconds
        self._unused: deque[_Unused] = deque()  # the one used last is at the end

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's stream has to be closed. Raises httpx.HTTPError."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        sent = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        connection = await self._take()
        with _errors_of_httpx():
            response = await connection.handle_async_request(sent)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(cast(httpx.AsyncByteStream, response.stream), partial(self._keep, connection)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all that are unused."""
        while self._unused:
            await self._unused.pop().connection.aclose()

    async def _take(self) -> httpcore.AsyncHTTPConnection:
        """The one used last, unless the server has closed it."""
        await self._close_old()
        while self._unused:
            connection = self._unused.pop().connection
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            self._origin, self._ssl_context, self._keep_alive_seconds, socket_options=self._socket_options
        )

    async def _keep(self, connection: httpcore.AsyncHTTPConnection) -> None:
        if connection.is_idle():
            self._unused.append(_Unused(connection, monotonic()))
        await self._close_old()

    async def _close_old(self) -> None:
        oldest = monotonic() - self._keep_alive_seconds
        while self._unused and (len(self._unused) > MAX_UNUSED or self._unused[0].since < oldest):
            await self._unused.popleft().connection.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of a response. Its connection may be used again once it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, closed: Callable[[], Awaitable[None]]) -> None:
        self._stream, self._closed, self._is_closed = stream, closed, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors_of_httpx():
            async for piece in self._stream:
                yield piece

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            with _errors_of_httpx():
                await self._stream.aclose()
                await self._closed()


@contextmanager
def _errors_of_httpx() -> Iterator[None]:
    """httpcore's errors as those of the same name that httpx promises."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
