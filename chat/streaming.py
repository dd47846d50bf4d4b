"""Sends an answer as server-sent events while it is generated, reading it no faster than the caller does."""

import asyncio
from contextlib import aclosing, suppress
from http import HTTPStatus

from chat.backends import ENDING, Backend, Payload
from chat.errors import ApiError, api_error, log_internal_errors
from chat.exchange import ClientDisconnected, Exchange
from chat.formats import AnswerFormat
from chat.metrics import counts

COMMENT = b": still waiting\n\n"
HEADERS = {"X-Accel-Buffering": "no"}  # else nginx would hold events back until it has a buffer full


async def stream(
    exchange: Exchange, backend: Backend, payload: Payload, format: AnswerFormat, keep_alive_seconds: float
) -> None:
    """Streams the backend's answer in this `format`, for `backend.stream_seconds` at most.

    Sends a comment whenever nothing came for `keep_alive_seconds`. Raises ApiError until the status is sent;
    later errors become an event. Raises ClientDisconnected.
    """
    writer = _Writer(exchange)
    comments = asyncio.create_task(_comment(writer, keep_alive_seconds))
    counts.streams += 1
    try:
        error = await _relay(backend, payload, format, writer)
    finally:
        counts.streams -= 1
        comments.cancel()
        await asyncio.gather(comments, return_exceptions=True)
    if error:
        if not exchange.status:
            raise error
        counts.count_cut(error.code or error.type)
    await writer.write(format.end(error), more=False)


class _Writer:
    """Writes events and comments, one after another."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange, self._lock = exchange, asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._began_at = self._wrote_at = self._loop.time()

    async def write(self, events: bytes, *, more: bool = True) -> None:
        """Write `events`, after the status if nothing was written before. Raises ClientDisconnected."""
        async with self._lock:
            if not self._exchange.status:
                self._exchange.timing.note("upstream", self._loop.time() - self._began_at)
                await self._exchange.start(200, "text/event-stream; charset=utf-8", HEADERS)
            await self._exchange.write(events, more=more)
            self._wrote_at = self._loop.time()

    def silence(self) -> float:
        """For how many seconds nothing was written."""
        return self._loop.time() - self._wrote_at


async def _comment(writer: _Writer, seconds: float) -> None:
    """Writes a comment after each silence of so many seconds. Whether the caller is still there shows elsewhere."""
    with suppress(ClientDisconnected):
        while True:
            left = seconds - writer.silence()
            if left > 0:
                await asyncio.sleep(left)
            else:
                await writer.write(COMMENT)


async def _relay(backend: Backend, payload: Payload, format: AnswerFormat, writer: _Writer) -> ApiError | None:
    """Writes the events of the whole answer, or of its beginning, and then returns what went wrong."""
    try:
        with log_internal_errors(ClientDisconnected, TimeoutError):
            await _relay_chunks(backend, payload, format, writer)
    except ApiError as error:
        return error.without_frames()
    except TimeoutError:
        return api_error(HTTPStatus.GATEWAY_TIMEOUT, "The answer took too long.", "upstream_timeout")
    return None


async def _relay_chunks(backend: Backend, payload: Payload, format: AnswerFormat, writer: _Writer) -> None:
    limit = asyncio.timeout(backend.stream_seconds)
    try:
        async with limit, aclosing(backend.chunks(payload)) as chunks:
            async for chunk in chunks:
                if chunk is ENDING:
                    limit.reschedule(None)
                elif events := format.chunk(chunk):
                    await writer.write(events)
    finally:
        del limit  # it refers to the task, and the task's error to this frame: a reference cycle
