"""Reading, in a worker: what was asked when, and what came."""

import random
import threading
import time
from types import TracebackType
from typing import Any, Self

from django.db import connection

from personalities.models import Personality

Row = tuple[int, int, str, int | None, str, bool, str]  # history.Read without the process


class Caught:
    """Whatever the reader is met with: the test is to hear of it, and the reading to go on."""

    error = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        self.error = f"{kind.__name__}: {error}" if kind else ""
        return isinstance(error, Exception)


def read(name: str, owner: int | None = None) -> Row:
    answer: Any = None
    start = time.monotonic_ns()
    with Caught() as caught:
        answer = Personality.objects.lookup(name, owner)
    end = time.monotonic_ns()
    if caught.error:
        return start, end, name, None, "", False, caught.error
    if answer.source == "database":
        connection.close()  # back to the pool, as at the end of a request
    return start, end, name, answer.value and int(answer.value.greeting or 0), answer.source, answer.unverified, ""


class Watch:
    """Threads that read names at random until told to end. Of a run of equal answers the first and the last are kept:
    the judge needs no more. `every` keeps all, for who wants to know how long each took."""

    def __init__(self, names: list[str], threads: int, pause: tuple[float, float], every: bool) -> None:
        self._names, self._pause, self._every = names, pause, every
        self._over, self._warm = threading.Event(), threading.Barrier(threads + 1, timeout=60)
        self._rows: list[Row] = []
        self._counts, self._last = [0] * threads, [0] * threads
        self._threads = [threading.Thread(target=self._run, args=(index,), daemon=True) for index in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait_until_warm(self) -> None:
        self._warm.wait()

    def end(self) -> dict[str, Any]:
        """The rows, and by thread how many reads it did; those that hang in one have no last read shortly before."""
        quiet = [time.monotonic_ns() - last for last in self._last]
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        stuck = sum(thread.is_alive() for thread in self._threads)
        return {"rows": self._rows, "counts": self._counts, "quiet": quiet, "stuck": stuck}

    def _run(self, index: int) -> None:
        runs: dict[str, list[Row]] = {}
        for name in self._names:
            self._note(runs, read(name))
        self._warm.wait()
        while not self._over.is_set():
            row = read(random.choice(self._names))
            self._note(runs, row)
            self._counts[index] += 1
            self._last[index] = row[1]
            if self._pause[1]:
                time.sleep(random.uniform(*self._pause))
        self._rows += [row for run in runs.values() for row in run]
        connection.close()

    def _note(self, runs: dict[str, list[Row]], row: Row) -> None:
        """Into the run of its name, which holds its first row and its last; a run that ends is handed over."""
        run = runs.setdefault(row[2], [])
        if run and (self._every or run[0][3:] != row[3:] or row[-1]):
            self._rows += run
            run.clear()
        del run[1:]
        run.append(row)
