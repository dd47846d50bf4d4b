"""Asks a language model on any server that speaks OpenAI's protocol."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import certifi
import msgspec

from chat.backends import Chunk, Completion, JsonObject, Payload, upstream_errors
from chat.backends.http_client import ConnectTimeout, HttpClient, Response, Unreachable
from chat.backends.masking import secrets_of
from chat.backends.peers import Networks
from chat.backends.server_sent_events import MAX_JSON_BYTES, TooLarge, bounded
from chat.backends.upstream_answers import check_content_type, parse_chunks, parse_completion
from chat.metrics import counts

RETRYABLE_STATUSES = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
MAX_TOKENS, MAX_COMPLETION_TOKENS = "max_tokens", "max_completion_tokens"  # the older name, and OpenAI's
HEADERS = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "companion",
}
MAX_ANSWER_BYTES = 16 * 1024 * 1024  # of a stream
MAX_REFUSAL_BYTES = 64 * 1024  # read from an answer that is not 200
FINISH_SECONDS = 5.0  # of silence after a finish reason: some servers never end the stream, and callers wait
KEEP_ALIVE_SECONDS = 4.0  # of an unused connection: less than the 5 s of uvicorn, which runs many model servers


@dataclass(frozen=True)
class Deadlines:
    """Timeouts in seconds: `first_byte` of a stream, `idle` between two pieces of any answer, `total` for the whole.

    Once the model has finished, a stream that is silent for `idle`, or FINISH_SECONDS if that is less, has ended
    without failure.

    An answer that is not streamed has `total` for its first byte too, because it only comes when it is complete.
    """

    connect: float = 5.0
    first_byte: float = 30.0
    idle: float = 30.0
    total: float = 300.0


class UpstreamBackend:
    """Asks one server only, so that the key and what callers say go nowhere else."""

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
        max_tokens: str = "",
    ) -> None:
        """`headers` are sent besides ours. If there is a `ca_file`, only the authorities in it are trusted.
        `networks`: see HttpClient. `max_tokens` is what the server calls the bound of an answer, if it knows one name.
        """
        url, self._model, self._deadlines = f"{base_url.rstrip('/')}/chat/completions", model, deadlines
        more = {**(headers or {})}
        self._secrets, self._max_tokens = secrets_of(api_key, more), max_tokens
        self.stream_seconds = deadlines.total
        self._client = HttpClient(
            url,
            more | HEADERS | ({"Authorization": f"Bearer {api_key}"} if api_key else {}),
            connect_seconds=deadlines.connect,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
            ssl_context=_ssl_context(url, ca_file),
            networks=networks,
        )

    def close(self) -> None:
        """Close unused connections. For tests: a service keeps them until it ends."""
        self._client.close()

    async def complete(self, payload: Payload) -> Completion:
        """The whole answer. Raises ApiError."""
        total = self._deadlines.total
        with upstream_errors.failures_as_api_errors(self._secrets):
            async with asyncio.timeout(total), self._answer(payload, total) as response:
                check_content_type(response.headers, "application/json")
                pieces = bounded(self._pieces(response), MAX_JSON_BYTES)
                return parse_completion(b"".join([piece async for piece in pieces]))

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The answer in chunks, as they come. Raises ApiError."""
        with upstream_errors.failures_as_api_errors(self._secrets):
            async with self._answer(payload, self._deadlines.first_byte) as response:
                check_content_type(response.headers, "text/event-stream")
                pieces = bounded(self._pieces(response), MAX_ANSWER_BYTES)
                silence = min(self._deadlines.idle, FINISH_SECONDS)
                async with aclosing(parse_chunks(pieces, payload.get("n") or 1, silence)) as chunks:
                    async for chunk in chunks:
                        yield chunk

    @asynccontextmanager
    async def _answer(self, payload: Payload, seconds: float) -> AsyncIterator[Response]:
        """A 200 response that arrives within `seconds`."""
        content = msgspec.json.encode(self._body(payload))
        async with AsyncExitStack() as closing:
            async with asyncio.timeout(seconds):
                response = await self._send(closing, content, attempts=2)
            if response.status != HTTPStatus.OK:
                body = await self._refusal(response)
                raise upstream_errors.error_for_status(response.status, response.headers, body, self._secrets, payload)
            try:
                yield response
            except upstream_errors.ErrorInside as error:
                error.headers = response.headers
                raise

    def _body(self, payload: Payload) -> JsonObject:
        """With the bound of an answer under the one name that the server knows; of two the lower one."""
        body: JsonObject = {"model": self._model, **payload}
        bounds = [bound for name in (MAX_TOKENS, MAX_COMPLETION_TOKENS) if isinstance(bound := body.get(name), int)]
        if self._max_tokens and bounds:
            body.pop(MAX_TOKENS, None)
            body.pop(MAX_COMPLETION_TOKENS, None)
            body[self._max_tokens] = min(bounds)
        return body

    async def _send(self, closing: AsyncExitStack, content: bytes, attempts: int) -> Response:
        """Retries only if the language model cannot have begun an answer, which would have to be paid for."""
        try:
            response = await closing.enter_async_context(self._client.post(content, anew=attempts == 1))
        except (Unreachable, ConnectTimeout):
            if attempts == 1:
                raise
        else:
            if attempts == 1 or response.status not in RETRYABLE_STATUSES:
                return response
        await closing.aclose()
        counts.retries += 1
        return await self._send(closing, content, attempts - 1)

    async def _refusal(self, response: Response) -> bytes:
        """What the server says, for the log and in part for the caller."""
        pieces: list[bytes] = []
        with suppress(TooLarge):
            async for piece in bounded(self._pieces(response), MAX_REFUSAL_BYTES):
                pieces.append(piece)
        return b"".join(pieces)

    async def _pieces(self, response: Response) -> AsyncIterator[bytes]:
        """The body as it comes. Raises TimeoutError if nothing comes for `idle` seconds."""
        while piece := await response.read(self._deadlines.idle):
            yield piece


def _ssl_context(url: str, ca_file: str) -> ssl.SSLContext | None:
    """The authorities trusted for `url`; none for http, because loading them takes 25 ms."""
    if not url.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
