"""How long an event loop waits for Redis."""

import asyncio
import builtins
from typing import Any

from redis.exceptions import TimeoutError


class Patience:
    """An asynchronous context that raises redis-py's TimeoutError when it takes longer than so many seconds.

    In two halves: where the loop itself was late, the second is its time to read an answer that has come meanwhile.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._deadline.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._half = self._loop.call_later(self._seconds / 2, self._begin_second_half)

    async def __aexit__(self, *raised: Any) -> None:
        self._half.cancel()
        try:
            await self._deadline.__aexit__(*raised)
        except builtins.TimeoutError as error:
            raise TimeoutError(f"no answer within {self._seconds:g} s") from error

    def _begin_second_half(self) -> None:
        self._deadline.reschedule(self._loop.time() + self._seconds / 2)
