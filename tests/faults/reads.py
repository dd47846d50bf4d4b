"""Reading in a worker: once, again and again, or by many threads at the same moment."""

import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from django.db import connection

from personalities.models import Personality

Row = tuple[int, int, str, int | None, str, bool, str]  # history.Read without the process


class Caught:
    """Keeps whatever error a reader is met with: the test must hear of it, and the reading go on."""

    error = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        self.error = f"{kind.__name__}: {error}" if kind else ""
        return isinstance(error, Exception)


def read(name: str, owner: int | None = None) -> Row:
    """Look a name up; return what was asked when, and what came."""
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
    """Threads that read names at random until they are ended.

    Of a run of equal answers the first and the last are kept, for the judge needs no more; `every` keeps all, to tell
    how long each took.
    """

    def __init__(self, names: list[str], threads: int, pause: tuple[float, float], every: bool) -> None:
        self._names, self._pause, self._every = names, pause, every
        self._over, self._warm = threading.Event(), threading.Barrier(threads + 1, timeout=60)
        self._rows: list[Row] = []
        self._counts, self._last = [0] * threads, [0] * threads
        self._threads = [threading.Thread(target=self._run, args=(index,), daemon=True) for index in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait_until_warm(self) -> None:
        """Wait until each thread has read each name."""
        self._warm.wait()

    def end(self) -> dict[str, Any]:
        """Return the rows and the number of reads by thread; one that hangs has been quiet for long, or is stuck."""
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


MAX_SECONDS = 30.0
TABLE = Personality._meta.db_table


class Crowd:
    """A thread for each name that reads it once, all at one moment, and a count of their queries for a row."""

    def __init__(self, names: list[str]) -> None:
        self._at, self._line = 0, threading.Barrier(len(names) + 1)
        self._asked: list[str] = []
        self._rows: list[Row] = []
        self._threads = [threading.Thread(target=self._run, args=(name,), daemon=True) for name in names]
        for thread in self._threads:
            thread.start()
        self._line.wait()

    def read(self, at: int) -> tuple[int, list[Row]]:
        """Read at the moment `at` (monotonic, ns); return how many queries there were, and the rows."""
        self._at = at
        self._line.wait()
        for thread in self._threads:
            thread.join(MAX_SECONDS)
        return sum(TABLE in sql for sql in self._asked), self._rows

    def _run(self, name: str) -> None:
        with connection.execute_wrapper(self._count):
            self._line.wait()
            self._line.wait()
            time.sleep(max(self._at - time.monotonic_ns(), 0) / 1e9)
            self._rows.append(read(name))

    def _count(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        self._asked.append(sql)
        return execute(sql, *rest)


crowds: list[Crowd] = []


def line_up(names: list[str]) -> None:
    """Start the threads, which wait."""
    crowds.append(Crowd(names))


COMMANDS: dict[str, Callable[..., Any]] = {"line_up": line_up, "read_at": lambda at: crowds.pop().read(at)}
