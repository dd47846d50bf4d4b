"""How many lookups a second a lab does, and how long the slowest takes."""

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.faults.servers import pause
from tests.faults.workers import Worker

THREADS = 8


class Lookup(NamedTuple):
    start: int
    end: int
    source: str  # or the error


class Window(NamedTuple):
    """Lookups that were begun from a moment on, and all ended."""

    lookups: list[Lookup]
    since: int

    @property
    def seconds(self) -> float:
        """Till the last one ended: one that takes long must not fall out of the reckoning."""
        return (max(lookup.end for lookup in self.lookups) - self.since) / 1e9

    @property
    def rate(self) -> float:
        """Lookups a second."""
        return len(self.lookups) / self.seconds


class Load:
    """THREADS threads in a lab that look names up, each its own, while told to."""

    def __init__(self, lab: Worker, names: Sequence[str], way: str) -> None:
        own = [list(names[index::THREADS]) for index in range(THREADS)]
        self._lab, self._number = lab, lab.ask("load", way=way, names=own)
        self.windows: list[Window] = []

    @contextmanager
    def going(self, seconds: float) -> Iterator[None]:
        """From here on, and for so many seconds at least."""
        since = time.monotonic_ns()
        self._lab.ask("go", load=self._number)
        try:
            yield
            pause(seconds, since)
        finally:
            lookups = [Lookup(*row) for row in self._lab.ask("halt", load=self._number)]
            self.windows.append(Window(lookups, since))

    def run(self, seconds: float) -> None:
        with self.going(seconds):
            pass

    def leave_out(self, source: str) -> None:
        """Of the last window: what was answered from there before a fault that it was to begin with."""
        window = self.windows.pop()
        kept = [lookup for lookup in window.lookups if lookup.source != source]
        self.windows.append(window._replace(lookups=kept))

    @property
    def breaker(self) -> str:
        """Its state in the lab."""
        return str(self._lab.ask("breaker"))

    def share_of(self, other: "Load") -> float:
        """How many times as many lookups a second, in the round in the middle. Of two that took turns: what else the
        machine did in a round was nearly the same for both.
        """
        rounds = zip(self.windows, other.windows, strict=True)
        return statistics.median(mine.rate / theirs.rate for mine, theirs in rounds)

    @property
    def rate(self) -> float:
        """Lookups a second, of all windows together."""
        return len(self._all) / sum(window.seconds for window in self.windows)

    @property
    def slowest(self) -> float:
        return max((lookup.end - lookup.start for lookup in self._all), default=0) / 1e9

    @property
    def sources(self) -> set[str]:
        return {lookup.source for lookup in self._all}

    @property
    def _all(self) -> list[Lookup]:
        return [lookup for window in self.windows for lookup in window.lookups]


@contextmanager
def load(lab: Worker, names: Sequence[str], way: str = "lookup") -> Iterator[Load]:
    """All have looked up all of their names when the block begins."""
    made = Load(lab, names, way)
    try:
        yield made
    finally:
        lab.ask("unload", load=made._number)


def take_turns(loads: Iterable[Load], rounds: int, seconds: float) -> None:
    """Each in turn, in changing order: what else the machine does meets all alike."""
    order = list(loads)
    for _ in range(rounds):
        for each in order:
            each.run(seconds)
        order.reverse()
