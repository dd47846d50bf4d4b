"""Sends an answer as server-sent events while it is generated, reading no further ahead than a bounded queue allows."""

import asyncio
from contextlib import aclosing
from http import HTTPStatus
from time import perf_counter

import msgspec

from chat.backends import ENDING, Backend, Chunk, Payload
from chat.errors import ApiError, api_error, log_internal_errors
from chat.exchange import Exchange
from chat.metrics import counts

READ_AHEAD = 16  # chunks; beyond them the language model waits for the caller
COMMENT = b": still waiting\n\n"
DONE = b"data: [DONE]\n\n"
HEADERS = {"X-Accel-Buffering": "no"}  # else nginx would hold events back until it has a buffer full

Item = Chunk | ApiError | None  # None: the answer is complete
Queue = asyncio.Queue[Item]


async def stream(exchange: Exchange, backend: Backend, payload: Payload, name: str, keep_alive_seconds: float) -> None:
    """Streams the backend's answer in the personality's `name`, for `backend.stream_seconds` at most.

    Sends a comment whenever nothing came for `keep_alive_seconds`. Raises ApiError as long as the status is not sent;
    later errors become an event. Raises ClientDisconnected.
    """
    queue: Queue = asyncio.Queue(READ_AHEAD)
    producer = asyncio.create_task(_produce(backend, payload, queue))
    counts.streams += 1
    try:
        await _consume(exchange, queue, name, keep_alive_seconds)
    finally:
        counts.streams -= 1
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


async def _produce(backend: Backend, payload: Payload, queue: Queue) -> None:
    """Reads the answer from beginning to end in one task, so that its timeouts cancel nothing else."""
    end: ApiError | None = None
    try:
        with log_internal_errors(TimeoutError):
            await _read(backend, payload, queue)
    except ApiError as error:
        end = error.without_frames()
    except TimeoutError:
        end = api_error(HTTPStatus.GATEWAY_TIMEOUT, "The answer took too long.", "upstream_timeout")
    await queue.put(end)


async def _read(backend: Backend, payload: Payload, queue: Queue) -> None:
    limit = asyncio.timeout(backend.stream_seconds)
    try:
        async with limit, aclosing(backend.chunks(payload)) as chunks:
            async for chunk in chunks:
                if chunk is ENDING:
                    limit.reschedule(None)
                else:
                    await queue.put(chunk)
    finally:
        del limit  # it refers to the task, and the task's error to this frame: a reference cycle


async def _consume(exchange: Exchange, queue: Queue, name: str, keep_alive_seconds: float) -> None:
    started = perf_counter()
    item = await _next(queue, keep_alive_seconds)
    exchange.timing.note("upstream", perf_counter() - started)
    if isinstance(item, ApiError):
        raise item
    await exchange.start(200, "text/event-stream; charset=utf-8", HEADERS)
    while not (item is None or isinstance(item, ApiError)):
        await exchange.write(item if isinstance(item, bytes) else _event({**item, "model": name}))
        item = await _next(queue, keep_alive_seconds)
    await exchange.write(_ending(item), more=False)


async def _next(queue: Queue, keep_alive_seconds: float) -> Item | bytes:
    try:
        async with asyncio.timeout(keep_alive_seconds):
            return await queue.get()
    except TimeoutError:
        return COMMENT


def _ending(error: ApiError | None) -> bytes:
    """The last event. OpenAI's clients raise an error that an event contains; no `[DONE]` follows it."""
    if error is None:
        return DONE
    counts.cut[error.code or error.type] += 1
    return _event(error.body())


def _event(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
