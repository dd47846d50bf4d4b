"""What one call costs, in the process that makes it."""

import asyncio
import gc
import inspect
from collections.abc import Callable, Coroutine
from itertools import repeat
from time import perf_counter
from timeit import Timer
from typing import Any

import uvloop

Call = Callable[[], Any]
CALIBRATION_SECONDS = 0.02

loop = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # one: a client's connections belong to their loop


class Stopwatch:
    """Times `call`, a function or a coroutine function. `before` is called before each window, untimed."""

    def __init__(self, call: Call, before: Call = lambda: None) -> None:
        self._call, self._before = call, before
        self._is_async = inspect.iscoroutinefunction(call)
        self._cost = 0.0  # seconds a call, when it was timed last

    def value(self) -> str:
        return repr(loop.run(self._call()) if self._is_async else self._call())

    def time(self, seconds: float) -> float:
        """Microseconds a call, of as many calls as take about `seconds`, one at least."""
        if not self._cost:
            self._calibrate()
        self._cost = self._measure(max(1, round(seconds / self._cost)))
        return self._cost * 1e6

    def _calibrate(self) -> None:
        """Also warms up: the first call makes connections."""
        for seconds in (0.0, CALIBRATION_SECONDS):
            self._cost = self._measure(max(1, round(seconds / self._cost)) if self._cost else 1)

    def _measure(self, count: int) -> float:
        self._before()
        took = loop.run(_awaited(self._call, count)) if self._is_async else Timer(self._call, _tidy).timeit(count)
        return took / count


async def _awaited(call: Callable[[], Coroutine[Any, Any, Any]], count: int) -> float:
    _tidy()
    start = perf_counter()
    for _ in repeat(None, count):
        await call()
    return perf_counter() - start


def _tidy() -> None:
    """Earlier garbage is nobody's fault, one's own is: a service runs with the collector on, timeit without."""
    gc.collect()
    gc.enable()
