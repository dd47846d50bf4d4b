"""How long tests wait, and a clock that shows what they say."""

from collections.abc import Callable
from time import monotonic, sleep

SECONDS = 20.0  # a busy machine may take so long for what takes none


class Clock:
    """Shows the time that the test says."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def until(true: Callable[[], bool], seconds: float = SECONDS) -> float:
    """How many seconds it took."""
    started = monotonic()
    while not true():
        assert monotonic() - started < seconds
        sleep(0.005)
    return monotonic() - started
