"""A language model behind any server that speaks OpenAI's protocol, of which only the settings say where it is."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from chat.backends import failures
from chat.backends.answers import checked, chunks_of, expect
from chat.backends.backend import Chunk, Payload
from chat.backends.sending import Asked
from chat.backends.sse import bounded, events
from chat.metrics import numbers

RETRIED = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
HEADERS = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "companion",
}
LONGEST_REFUSAL = 64 * 1024
RECEIVED = 128 * 1024  # bytes the kernel may hold of one answer: all that is there is read at once into memory
UNUSED_SECONDS = 4.0  # that a connection is kept: uvicorn, which many models stand behind, ends it after 5


@dataclass(frozen=True)
class Deadlines:
    """In seconds. The first byte is waited for `first_byte` in a stream; a whole answer comes at once, at the end."""

    connect: float = 5.0
    first_byte: float = 30.0
    idle: float = 30.0
    total: float = 300.0


class Upstream:
    """Asks one server only, by httpx's transport, which knows no redirect, proxy or cookie: the key, and what callers
    say, go nowhere else.
    """

    seconds: float

    def __init__(self, base_url: str, api_key: str, model: str, deadlines: Deadlines) -> None:
        self._url, self._model, self._deadlines = f"{base_url.rstrip('/')}/chat/completions", model, deadlines
        self._key = api_key.encode()
        self._headers = HEADERS | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._timeout = httpx.Timeout(None, connect=deadlines.connect).as_dict()  # the others are counted here
        self.seconds = deadlines.total
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=UNUSED_SECONDS)
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)]
        self._transport = httpx.AsyncHTTPTransport(limits=limits, trust_env=False, socket_options=options)

    async def complete(self, payload: Payload) -> dict[str, Any]:
        with failures.told():
            async with asyncio.timeout(self.seconds), self._answer(payload, self.seconds) as asked:
                expect(asked.response, "application/json")
                body = b"".join([piece async for piece in bounded(self._pieces(asked))])
                return checked(msgspec.json.decode(body.decode(errors="replace")))

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        with failures.told():
            async with self._answer(payload, self._deadlines.first_byte) as asked:
                expect(asked.response, "text/event-stream")
                async with aclosing(chunks_of(events(bounded(self._pieces(asked))))) as chunks:
                    async for chunk in chunks:
                        yield chunk

    @asynccontextmanager
    async def _answer(self, payload: Payload, seconds: float) -> AsyncIterator[Asked]:
        """One that is 200."""
        content = msgspec.json.encode({"model": self._model, **payload})
        async with AsyncExitStack() as closing:
            async with asyncio.timeout(seconds):
                asked = await self._asked(closing, content, attempts=2)
            if asked.response.status_code != HTTPStatus.OK:
                raise failures.of_status(asked.response, await self._refusal(asked))
            yield asked

    async def _asked(self, closing: AsyncExitStack, content: bytes, attempts: int) -> Asked:
        """Once more, as long as nothing of an answer was there."""
        asked = await closing.enter_async_context(aclosing(Asked(self._transport, self._request(content))))
        try:
            response = await asked.head()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if attempts == 1:
                raise
        else:
            if attempts == 1 or response.status_code not in RETRIED:
                return asked
        await closing.aclose()
        numbers.retries += 1
        return await self._asked(closing, content, attempts - 1)

    def _request(self, content: bytes) -> httpx.Request:
        extensions = {"timeout": self._timeout}
        return httpx.Request("POST", self._url, headers=self._headers, content=content, extensions=extensions)

    async def _refusal(self, asked: Asked) -> bytes:
        """What it says, for the log and, in part, for the caller: without the key, should it quote that."""
        body = b""
        async for piece in self._pieces(asked):
            body += piece
            if len(body) > LONGEST_REFUSAL:
                break
        return body[:LONGEST_REFUSAL].replace(self._key, b"...") if self._key else body[:LONGEST_REFUSAL]

    async def _pieces(self, asked: Asked) -> AsyncIterator[bytes]:
        """As they come. Raises TimeoutError when none does."""
        while True:
            async with asyncio.timeout(self._deadlines.idle):
                piece = await asked.piece()
            if not piece:
                return
            yield piece
