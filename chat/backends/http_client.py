"""Asks one server over HTTP/1.1: every read is bounded, and cancelling at any moment leaks no connection.

httptools parses a little at a time, and only what somebody waits for: nothing that the server sends costs the event
loop more than that. There are no redirects, no proxies and no cookies. The connection used last is used again first.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import cast
from urllib.parse import quote, urlsplit

import httptools

from chat.backends import peers

MAX_HEAD_BYTES = 16 * 1024  # of a response: status line and headers, any number of informational ones included
MAX_BYTES_WITHOUT_BODY = 16 * 1024  # between two pieces of the body: extensions of chunks and trailers
HEAD_PIECE_BYTES, BODY_PIECE_BYTES = 1024, 8 * 1024  # parsed at a time
READ_AHEAD_BYTES = 32 * 1024  # beyond that the server waits for the reader
MAX_UNUSED = 100  # connections
IN_PATHS = "/%:@!$&'()*+,;=~"


class Unreachable(Exception):
    """The server could not be connected to, so nothing was sent."""


class ConnectTimeout(TimeoutError):
    """Connecting to the server took too long, so nothing was sent."""


class BrokenResponse(Exception):
    """What arrived is not a response, or only part of one."""


class HttpClient:
    """POST requests to one URL. Connections unused for `keep_alive_seconds` are closed with the next request."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        connect_seconds: float,
        keep_alive_seconds: float,
        ssl_context: ssl.SSLContext | None = None,
        networks: peers.Networks = (),
    ) -> None:
        """`ssl_context` is for https. The URL's host must resolve into one of `networks`, if any."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        lines = [f"POST {quote(parts.path or '/', IN_PATHS)} HTTP/1.1", f"Host: {parts.netloc}"]
        self._head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), ""]).encode()
        self._connect_seconds, self._keep_alive_seconds = connect_seconds, keep_alive_seconds
        self._ssl_context, self._networks = ssl_context, networks
        self._unused: deque[_Connection] = deque()  # the one used last is at the end

    @asynccontextmanager
    async def post(self, content: bytes, *, anew: bool = False) -> "AsyncIterator[Response]":
        """The response, of which only the head has been read; over a new connection, if it is asked for `anew`: a
        server that has failed may close the one that it failed on without saying so.

        Raises Unreachable, ConnectTimeout or BrokenResponse.
        """
        connection = None if anew else self._take()
        connection = connection or await self._connect()
        response = Response(connection)
        try:
            connection.write(self._head + b"Content-Length: %d\r\n\r\n" % len(content) + content)
            await response.read_head()
            yield response
        finally:
            self._keep(connection, response)

    def close(self) -> None:
        """Close all unused connections."""
        while self._unused:
            self._unused.pop().close()

    def _take(self) -> "_Connection | None":
        self._close_old()
        while self._unused:
            if (connection := self._unused.pop()).is_quiet:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        loop, tls = asyncio.get_running_loop(), self._ssl_context
        try:
            async with asyncio.timeout(self._connect_seconds):
                sock = await peers.connect(self._host, self._port, self._networks)
                name = self._host if tls else None
                _, connection = await loop.create_connection(_Connection, sock=sock, ssl=tls, server_hostname=name)
        except TimeoutError:
            raise ConnectTimeout("no connection in time") from None
        except OSError as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        return connection

    def _keep(self, connection: "_Connection", response: "Response") -> None:
        if response.end() and connection.is_quiet:
            connection.unused_since = monotonic()
            self._unused.append(connection)
        else:
            connection.close()
        self._close_old()

    def _close_old(self) -> None:
        oldest = monotonic() - self._keep_alive_seconds
        while self._unused and (len(self._unused) > MAX_UNUSED or self._unused[0].unused_since < oldest):
            self._unused.popleft().close()


class Response:
    """A response as far as it has been read. httptools calls the methods whose names begin with `on_`."""

    def __init__(self, connection: "_Connection") -> None:
        """Nothing has been read yet."""
        self.status, self.headers = 0, dict[str, str]()  # by name in lower case
        self._connection: _Connection | None = connection
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._without_body = 0  # bytes read since the last piece of the body
        self._is_complete = self._may_follow = False

    async def read_head(self) -> None:
        """Read the status and the headers. Raises BrokenResponse."""
        read = 0
        while not self.status:
            piece = await self._next(HEAD_PIECE_BYTES)
            read += len(piece)
            if read > MAX_HEAD_BYTES:
                raise BrokenResponse(f"The head of its response has more than {MAX_HEAD_BYTES} bytes.")
            self._feed(piece)

    async def read(self, seconds: float) -> bytes:
        """The next piece of the body; empty at its end. Raises BrokenResponse, or TimeoutError if nothing comes."""
        while not self._body and not self._is_complete:
            self._feed(await self._next(BODY_PIECE_BYTES, seconds))
            if self._without_body > MAX_BYTES_WITHOUT_BODY:
                raise BrokenResponse(f"More than {MAX_BYTES_WITHOUT_BODY} bytes between two pieces of the body.")
        body = b"".join(self._body)
        self._body.clear()
        return body

    def end(self) -> bool:
        """Stop reading. Returns whether it is complete and the connection can be reused."""
        self._parser = self._connection = None  # the parser refers to this object: a reference cycle
        return self._is_complete and self._may_follow

    async def _next(self, size: int, seconds: float | None = None) -> bytes:
        assert self._connection  # noqa: S101
        return await self._connection.read(size, seconds)

    def _feed(self, piece: bytes) -> None:
        if not piece:
            self._end_with_connection()
            return
        assert self._parser  # noqa: S101
        self._without_body += len(piece)
        try:
            self._parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._may_follow = False
            if not self._is_complete:
                raise BrokenResponse(f"{type(error).__name__}: {error}") from None

    def _end_with_connection(self) -> None:
        if not self.status or not {"content-length", "transfer-encoding"}.isdisjoint(self.headers):
            raise BrokenResponse("The connection was closed before the response was complete.")
        self._is_complete = True

    def on_message_begin(self) -> None:
        """Another response after the one that was asked for."""
        if self._is_complete:
            self._may_follow = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Remember a header without the spaces and tabs around its value. Of several of one name the first counts."""
        if not self.status:
            self.headers.setdefault(name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Take the status and its headers; those of an informational response are dropped."""
        assert self._parser  # noqa: S101
        status = self._parser.get_status_code()
        if status < 200:
            self.headers.clear()
        elif not self.status:
            self.status = status

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body, which is never of two chunks."""
        if not self._is_complete:
            self._without_body = 0
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The response has ended, unless what ended is an informational one before it."""
        if self.status and not self._is_complete:
            assert self._parser  # noqa: S101
            self._is_complete, self._may_follow = True, self._parser.should_keep_alive()


class _Connection(asyncio.Protocol):
    """A connection to the server, read on demand."""

    def __init__(self) -> None:
        self.unused_since = 0.0
        self._received = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._is_ended = self._is_paused = False
        self._error: Exception | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether it is open, and nothing unread has arrived."""
        return not (self._is_ended or self._received or self._transport.is_closing())

    def write(self, data: bytes) -> None:
        """Send it, as fast as the server reads."""
        self._transport.write(data)

    async def read(self, size: int, seconds: float | None) -> bytes:
        """At most `size` bytes that have arrived, or do within `seconds`; empty at the end.

        Raises BrokenResponse or TimeoutError.
        """
        if not self._received and not self._is_ended:
            await self._wait(seconds)
        if not self._received and self._error:
            raise BrokenResponse(f"{type(self._error).__name__}: {self._error}")
        piece = bytes(self._received[:size])
        del self._received[:size]
        if self._is_paused and len(self._received) < READ_AHEAD_BYTES:
            self._is_paused = False
            self._transport.resume_reading()
        return piece

    async def _wait(self, seconds: float | None) -> None:
        """asyncio.timeout would take five times as long as everything else done with a piece."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._time_out) if seconds else None
        try:
            await self._waiter
        finally:
            if timer:
                timer.cancel()

    def _time_out(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def close(self) -> None:
        """Close it without waiting for unsent data."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport. asyncio calls this once, when the connection is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came, and stop reading when that is enough. asyncio calls this."""
        self._received += data
        if not self._is_paused and len(self._received) >= READ_AHEAD_BYTES:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """The server has sent all it will. asyncio calls this, and then closes the transport."""
        self._is_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, or broken by `exc`. asyncio calls this."""
        self._is_ended, self._error = True, exc
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
