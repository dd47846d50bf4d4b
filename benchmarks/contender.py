"""The process of one contender: `python -m benchmarks.contender MODULE.FUNCTION`, of one in benchmarks/contenders.

It obeys commands on standard input and answers each on standard output, a line of JSON both ways, and ends with its
input. Its first line is null, or why it cannot take part. `rounds.py` is the other side.
"""

import asyncio
import gc
import inspect
import json
import os
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from itertools import repeat
from time import perf_counter
from timeit import Timer
from typing import Any

import uvloop

Call = Callable[[], Any]  # or a coroutine function
CALIBRATION_SECONDS = 0.02

loop = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # one: a client's connections belong to their loop


class Stopwatch:
    """Times `call`, a function or a coroutine function. `before` is called before each window, untimed."""

    def __init__(self, call: Call, before: Call = lambda: None) -> None:
        self._call, self._before = call, before
        self._is_async = inspect.iscoroutinefunction(call)
        self._cost = 0.0  # seconds a call, when it was timed last

    def value(self) -> str:
        """Return what one call returns, as repr."""
        return repr(loop.run(self._call()) if self._is_async else self._call())

    def time(self, seconds: float) -> float:
        """Return the microseconds of one call, over as many calls as take about `seconds`, at least one."""
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


async def _awaited(call: Callable[[], Awaitable[object]], count: int) -> float:
    _tidy()
    start = perf_counter()
    for _ in repeat(None, count):
        await call()
    return perf_counter() - start


def _tidy() -> None:
    """Collect earlier garbage, and turn the collector on, with which a service runs and timeit does not."""
    gc.collect()
    gc.enable()


Commands = dict[str, Callable[..., object]]


class Refused(Exception):
    """The contender cannot take part here. The message says why, and is shown in its place."""


def timed(**ways: Call | Stopwatch) -> Commands:
    """Return commands for calls by name (`ways`): `time` answers microseconds a call, `value` what one call returns."""
    watches = {name: way if isinstance(way, Stopwatch) else Stopwatch(way) for name, way in ways.items()}
    return {
        "ways": lambda: list(watches),
        "time": lambda way, seconds: watches[way].time(seconds),
        "value": lambda way: watches[way].value(),
    }


def main() -> None:
    """Get the contender ready that the first argument names, and obey until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # a stray print is no answer
    try:
        module, _, function = sys.argv[1].partition(".")
        commands: Commands = getattr(import_module(f"benchmarks.contenders.{module}"), function)()
    except Refused as refusal:
        print(json.dumps(str(refusal)), file=answers)
        return
    print("null", file=answers)
    for line in sys.stdin:
        arguments = json.loads(line)
        print(json.dumps(commands[arguments.pop("do")](**arguments)), file=answers)


if __name__ == "__main__":
    from benchmarks import contender  # the module that contenders import, whose Refused they raise

    contender.main()
