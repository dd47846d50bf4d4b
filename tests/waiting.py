"""How long tests wait for what must happen, and a clock that they set themselves."""

from collections.abc import Callable
from time import monotonic, sleep

MAX_SECONDS = 20.0  # a busy machine may take this long over what is otherwise instant


class Clock:
    """A stand-in for a monotonic clock: calling it returns `now`, which tests assign (in seconds)."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def wait_until(is_true: Callable[[], object], seconds: float = MAX_SECONDS) -> float:
    """Poll `is_true`, at first every 2 ms and later every 50; return the seconds it took.

    Raises AssertionError after `seconds`.
    """
    started, pause = monotonic(), 0.002
    while not is_true():
        assert monotonic() - started < seconds, f"not within {seconds} s"
        sleep(pause)
        pause = min(1.2 * pause, 0.05)
    return monotonic() - started
