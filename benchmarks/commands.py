"""What a contender can be told to do."""

from collections.abc import Callable
from typing import Any

from benchmarks.stopwatch import Call, Stopwatch

Commands = dict[str, Callable[..., Any]]


class Refused(Exception):
    """The contender cannot take part here; the message says why, and is shown in its place."""


def timed(**ways: Call | Stopwatch) -> Commands:
    """`time` answers what one call of a way costs, in microseconds; `value` what it returns."""
    watches = {name: way if isinstance(way, Stopwatch) else Stopwatch(way) for name, way in ways.items()}
    return {
        "ways": lambda: list(watches),
        "time": lambda way, seconds: watches[way].time(seconds),
        "value": lambda way: watches[way].value(),
    }
