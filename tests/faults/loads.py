"""Looking names up as fast as possible, in a lab: `rates.py` is the other side."""

import threading
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

from django.db import connection

from personalities.models import Personality
from tests.faults.peer import cache_aside
from tests.faults.reads import Caught

Lookup = tuple[int, int, str]  # start, end, source or error


def lookup(name: str) -> str:
    return Personality.objects.lookup(name).source


WAYS: dict[str, Callable[[str], str]] = {"lookup": lookup, "cache aside": cache_aside}


class Load:
    """Threads that look names up as fast as they can, from `go` to `halt`. Each has names of its own: those who ask
    for one name at a time share an answer.
    """

    def __init__(self, way: str, names: list[list[str]]) -> None:
        self._way, self._rows, self._going, self._over = WAYS[way], list[Lookup](), False, False
        self._start, self._end = threading.Barrier(len(names) + 1), threading.Barrier(len(names) + 1)
        self._threads = [threading.Thread(target=self._run, args=(own,), daemon=True) for own in names]
        for thread in self._threads:
            thread.start()
        self._end.wait()  # all have looked up all

    def go(self) -> None:
        self._going = True
        self._start.wait()

    def halt(self) -> list[Lookup]:
        self._going = False
        self._end.wait()
        rows, self._rows = self._rows, []
        return rows

    def end(self) -> None:
        self._over = True
        self._start.wait()
        for thread in self._threads:
            thread.join()

    def _run(self, names: list[str]) -> None:
        for name in names:
            self._look(name)
        for name in cycle(names):
            if not self._going:
                self._end.wait()
                self._start.wait()
            if self._over:
                break
            self._rows.append(self._look(name))
        connection.close()

    def _look(self, name: str) -> Lookup:
        source, start = "", time.monotonic_ns()
        with Caught() as caught:
            source = self._way(name)
        return start, time.monotonic_ns(), caught.error or source


loads: list[Load] = []


def load(way: str, names: list[list[str]]) -> int:
    """Make one; answers its number when each thread has looked up each of its names."""
    loads.append(Load(way, names))
    return len(loads) - 1


COMMANDS: dict[str, Callable[..., Any]] = {
    "load": load,
    "go": lambda load: loads[load].go(),
    "halt": lambda load: loads[load].halt(),
    "unload": lambda load: loads[load].end(),
}
