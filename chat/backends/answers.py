"""What language models answer, checked, as far as anybody here relies on it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any, cast

import httpx
import msgspec

from chat.backends import failures
from chat.backends.backend import Chunk
from chat.backends.shapes import is_last
from chat.backends.sse import TooMuch

END_SECONDS = 0.2


def expect(response: httpx.Response, kind: str) -> None:
    """Raises ApiError for another type of content."""
    given = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("content-encoding", "identity")
    if given != kind or encoding != "identity":  # a page of some proxy, for one
        raise failures.broken(f"{given:.60} in {encoding:.60} instead of {kind}")


def checked(answer: Any) -> dict[str, Any]:
    """An answer, or a chunk of one, with a list of choices. Raises ApiError for anything else."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise failures.broken(f"no choices in {answer!r:.300}")
    return cast(dict[str, Any], answer)


async def chunks_of(data: AsyncIterator[str]) -> AsyncGenerator[Chunk, None]:
    """Until `[DONE]`. A server that does not say it has ended well all the same when the model has finished."""
    finished = False
    async for event in data:
        if event.startswith("[DONE]"):
            await _end(data)
            return
        chunk = checked(msgspec.json.decode(event))
        finished = finished or is_last(chunk)
        yield chunk
    if not finished:
        raise failures.broken("it ends before the model has finished")


async def _end(data: AsyncIterator[str]) -> None:
    """Nothing comes after `[DONE]`, but only a connection that was read to its end serves the next who asks."""
    with suppress(TimeoutError, TooMuch, httpx.HTTPError):
        async with asyncio.timeout(END_SECONDS):
            async for _ in data:
                pass
