"""Asks a language model on any server that speaks OpenAI's protocol."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import httpcore
import httpx
import msgspec

from chat.backends import Chunk, Completion, Payload, upstream_errors
from chat.backends.connections import Connections
from chat.backends.server_sent_events import MAX_JSON_BYTES, TooLarge, bounded
from chat.backends.transport import CancellableRequest, Networks
from chat.backends.upstream_answers import check_content_type, parse_chunks, parse_completion
from chat.metrics import counts

RETRIED = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
HEADERS = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "companion",
}
MAX_ANSWER_BYTES = 16 * 1024 * 1024  # of a stream
MAX_REFUSAL_BYTES = 64 * 1024  # read of an answer that is not 200
RECEIVE_BUFFER_BYTES = 128 * 1024  # the kernel's, for each connection: all it holds is read into memory at once
KEEP_ALIVE_SECONDS = 4.0  # of an unused connection: less than the 5 s of uvicorn, which runs many model servers
# How much httpcore parses at a time: 64 KiB of the smallest headers or chunks would stop the event loop for 50 ms.
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 8 * 1024
httpcore.AsyncHTTP11Connection.MAX_INCOMPLETE_EVENT_SIZE = 16 * 1024  # headers, for example
# A language model may think for a while. So that no firewall forgets it meanwhile, the kernel asks after 5 s.
_EVERY = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _EVERY.items() if hasattr(socket, name)),
]


@dataclass(frozen=True)
class Deadlines:
    """Timeouts in seconds: `first_byte` of a stream, `idle` between two pieces of any answer, `total` for the whole.

    An answer that is not streamed has `total` for its first byte too, because it only comes when it is complete.
    """

    connect: float = 5.0
    first_byte: float = 30.0
    idle: float = 30.0
    total: float = 300.0


class UpstreamBackend:
    """Asks one server only: a bare transport follows no redirect, uses no proxy and keeps no cookie. So the key and
    what callers say go nowhere else.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        deadlines: Deadlines,
        *,
        headers: Mapping[str, str] | None = None,
        ca_file: str = "",
        networks: Networks = (),
    ) -> None:
        """`headers` are sent besides ours. The authorities in `ca_file`, if there is one, are the only ones that count.
        `networks`: see CancellableRequest.
        """
        self._url, self._model, self._deadlines = f"{base_url.rstrip('/')}/chat/completions", model, deadlines
        self._networks, more = networks, {**(headers or {})}
        self._secrets = upstream_errors.secrets_among(api_key, *more.values())
        self._headers = more | HEADERS | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._timeout = httpx.Timeout(None, connect=deadlines.connect).as_dict()  # the others are enforced here
        self.stream_seconds = deadlines.total
        self._connections = Connections(
            self._url,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
            ssl_context=_ssl_context(self._url, ca_file),
            socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES), *KEEPALIVE],
        )

    async def aclose(self) -> None:
        """Close the connections that are unused. For tests: a service keeps them until it ends."""
        await self._connections.aclose()

    async def complete(self, payload: Payload) -> Completion:
        """The whole answer. Raises ApiError."""
        total = self._deadlines.total
        with upstream_errors.failures_as_api_errors(self._secrets):
            async with asyncio.timeout(total), self._answer(payload, total) as request:
                check_content_type(request.response, "application/json")
                pieces = bounded(self._pieces(request), MAX_JSON_BYTES)
                return parse_completion(b"".join([piece async for piece in pieces]))

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The answer in chunks, as they come. Raises ApiError."""
        with upstream_errors.failures_as_api_errors(self._secrets):
            async with self._answer(payload, self._deadlines.first_byte) as request:
                check_content_type(request.response, "text/event-stream")
                pieces = bounded(self._pieces(request), MAX_ANSWER_BYTES)
                async with aclosing(parse_chunks(pieces, payload.get("n") or 1)) as chunks:
                    async for chunk in chunks:
                        yield chunk

    @asynccontextmanager
    async def _answer(self, payload: Payload, seconds: float) -> AsyncIterator[CancellableRequest]:
        """A request whose response has come within `seconds`, and is 200."""
        content = msgspec.json.encode({"model": self._model, **payload})
        async with AsyncExitStack() as closing:
            async with asyncio.timeout(seconds):
                request = await self._send(closing, content, attempts=2)
            if request.response.status_code != HTTPStatus.OK:
                raise upstream_errors.failed(request.response, await self._refusal(request))
            yield request

    async def _send(self, closing: AsyncExitStack, content: bytes, attempts: int) -> CancellableRequest:
        """Tries again only if the language model cannot have begun to answer, which would have to be paid for."""
        request = CancellableRequest(self._connections, self._request(content), self._networks)
        await closing.enter_async_context(aclosing(request))
        try:
            response = await request.wait_for_response()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if attempts == 1:
                raise
        else:
            if attempts == 1 or response.status_code not in RETRIED:
                return request
        await closing.aclose()
        counts.retries += 1
        return await self._send(closing, content, attempts - 1)

    def _request(self, content: bytes) -> httpx.Request:
        extensions = {"timeout": self._timeout}
        return httpx.Request("POST", self._url, headers=self._headers, content=content, extensions=extensions)

    async def _refusal(self, request: CancellableRequest) -> bytes:
        """What the server says, for the log and in part for the caller: without our secrets."""
        pieces: list[bytes] = []
        with suppress(TooLarge):
            async for piece in bounded(self._pieces(request), MAX_REFUSAL_BYTES):
                pieces.append(piece)
        return upstream_errors.without(self._secrets, b"".join(pieces))

    async def _pieces(self, request: CancellableRequest) -> AsyncIterator[bytes]:
        """The body as it comes. Raises TimeoutError if nothing comes for `idle` seconds."""
        while True:
            async with asyncio.timeout(self._deadlines.idle):
                piece = await request.read()
            if not piece:
                return
            yield piece


def _ssl_context(url: str, ca_file: str) -> ssl.SSLContext | None:
    """The authorities that count for `url`; none is loaded over http, for that takes 25 ms."""
    if not url.startswith("https:"):
        return None
    return ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context(trust_env=False)
