"""An answer as it comes, in server-sent events. Nothing is held but what a slow caller has not taken yet."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from time import perf_counter
from typing import Any

import msgspec

from chat.backends.backend import Chunk
from chat.errors import ApiError, upstream
from chat.exchange import Exchange
from chat.metrics import numbers
from chat.unforeseen import Unforeseen

BUFFERED = 16  # chunks; then the language model waits for the caller
COMMENT = b": still waiting\n\n"
DONE = b"data: [DONE]\n\n"
HEADERS = {"X-Accel-Buffering": "no"}  # a proxy that waits for more would hold it back

Item = Chunk | ApiError | None  # None: it has ended well
Queue = asyncio.Queue[Item]


async def stream(
    exchange: Exchange, chunks: AsyncGenerator[Chunk, None], seconds: float | None, name: str, keep_alive: float
) -> None:
    """At most for `seconds`; without news for `keep_alive` seconds, a comment is sent. Raises ApiError while a status
    can still say what is wrong.
    """
    queue: Queue = asyncio.Queue(BUFFERED)
    producer = asyncio.create_task(_produce(chunks, queue, seconds))
    numbers.streams += 1
    try:
        await _consume(exchange, queue, name, keep_alive)
    finally:
        numbers.streams -= 1
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


async def _produce(chunks: AsyncGenerator[Chunk, None], queue: Queue, seconds: float | None) -> None:
    """One task reads from beginning to end, so that its deadlines are its own."""
    end: ApiError | None = None
    try:
        with Unforeseen(TimeoutError):
            async with asyncio.timeout(seconds), aclosing(chunks):
                async for chunk in chunks:
                    await queue.put(chunk)
    except ApiError as error:
        end = error.without_frames()
    except TimeoutError:
        end = upstream(HTTPStatus.GATEWAY_TIMEOUT, "The answer took too long.", "upstream_timeout")
    await queue.put(end)


async def _consume(exchange: Exchange, queue: Queue, name: str, keep_alive: float) -> None:
    began = perf_counter()
    item = await _next(queue, keep_alive)
    exchange.timing.note("upstream", perf_counter() - began)
    if isinstance(item, ApiError):
        raise item
    await exchange.start(200, "text/event-stream; charset=utf-8", HEADERS)
    while isinstance(item, dict | bytes):
        await exchange.write(item if isinstance(item, bytes) else _event({**item, "model": name}))
        item = await _next(queue, keep_alive)
    await exchange.write(_ending(item), more=False)


async def _next(queue: Queue, keep_alive: float) -> Item | bytes:
    try:
        async with asyncio.timeout(keep_alive):
            return await queue.get()
    except TimeoutError:
        return COMMENT


def _ending(error: ApiError | None) -> bytes:
    """OpenAI's clients raise an error that stands in an event. After it there is no `[DONE]`."""
    if error is None:
        return DONE
    numbers.cut[error.code or error.type] += 1
    return _event(error.body())


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
