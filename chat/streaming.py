"""Sends an answer as server-sent events while it is generated, reading no further ahead than a bounded queue allows."""

import asyncio
from contextlib import aclosing
from http import HTTPStatus
from time import perf_counter

from chat.backends import ENDING, Backend, Payload
from chat.errors import ApiError, api_error, log_internal_errors
from chat.exchange import Exchange
from chat.formats import AnswerFormat
from chat.metrics import counts

READ_AHEAD = 16  # chunks, as events; beyond them the language model waits for the caller
COMMENT = b": still waiting\n\n"
HEADERS = {"X-Accel-Buffering": "no"}  # else nginx would hold events back until it has a buffer full

Item = bytes | ApiError | None  # events, or how the answer ended: None if it is complete
Queue = asyncio.Queue[Item]


async def stream(
    exchange: Exchange, backend: Backend, payload: Payload, format: AnswerFormat, keep_alive_seconds: float
) -> None:
    """Streams the backend's answer in this `format`, for `backend.stream_seconds` at most.

    Sends a comment whenever nothing came for `keep_alive_seconds`. Raises ApiError until the status is sent;
    later errors become an event. Raises ClientDisconnected.
    """
    queue: Queue = asyncio.Queue(READ_AHEAD)
    producer = asyncio.create_task(_produce(backend, payload, format, queue))
    counts.streams += 1
    try:
        await _consume(exchange, queue, format, keep_alive_seconds)
    finally:
        counts.streams -= 1
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


async def _produce(backend: Backend, payload: Payload, format: AnswerFormat, queue: Queue) -> None:
    """Reads the answer from beginning to end in one task, so that its timeouts cancel nothing else."""
    end: ApiError | None = None
    try:
        with log_internal_errors(TimeoutError):
            await _read(backend, payload, format, queue)
    except ApiError as error:
        end = error.without_frames()
    except TimeoutError:
        end = api_error(HTTPStatus.GATEWAY_TIMEOUT, "The answer took too long.", "upstream_timeout")
    await queue.put(end)


async def _read(backend: Backend, payload: Payload, format: AnswerFormat, queue: Queue) -> None:
    limit = asyncio.timeout(backend.stream_seconds)
    try:
        async with limit, aclosing(backend.chunks(payload)) as chunks:
            async for chunk in chunks:
                if chunk is ENDING:
                    limit.reschedule(None)
                elif events := format.chunk(chunk):
                    await queue.put(events)
    finally:
        del limit  # it refers to the task, and the task's error to this frame: a reference cycle


async def _consume(exchange: Exchange, queue: Queue, format: AnswerFormat, keep_alive_seconds: float) -> None:
    started = perf_counter()
    item = await _next(queue, keep_alive_seconds)
    exchange.timing.note("upstream", perf_counter() - started)
    if isinstance(item, ApiError):
        raise item
    await exchange.start(200, "text/event-stream; charset=utf-8", HEADERS)
    while isinstance(item, bytes):
        await exchange.write(item)
        item = await _next(queue, keep_alive_seconds)
    if item is not None:
        counts.count_cut(item.code or item.type)
    await exchange.write(format.end(item), more=False)


async def _next(queue: Queue, keep_alive_seconds: float) -> Item:
    timer = asyncio.get_running_loop().call_later(keep_alive_seconds, _comment, queue)
    try:
        return await queue.get()
    finally:
        timer.cancel()


def _comment(queue: Queue) -> None:
    if queue.empty():
        queue.put_nowait(COMMENT)
