"""Looking names up as fast as possible: the threads in a worker, and how many lookups a second a test counts there."""

import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django_redis.cache import RedisCache

from personalities.models import Personality
from tests.faults.reads import Caught
from tests.faults.servers import pause
from tests.faults.workers import Worker

THREADS = 8
PLAIN_OPTIONS = {
    "IGNORE_EXCEPTIONS": True,
    "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
    "SOCKET_CONNECT_TIMEOUT": 0.1,
    "SOCKET_TIMEOUT": 0.1,
}


class Lookup(NamedTuple):
    """One lookup: when it began and ended (monotonic, ns), and where the answer came from, or the error."""

    start: int
    end: int
    source: str


def lookup(name: str) -> str:
    """Look up as the service does; return where the answer came from."""
    return Personality.objects.lookup(name).source


@cache
def plain_cache() -> Any:
    """What most projects use: django-redis with a short timeout and its errors ignored, and no circuit breaker."""
    return RedisCache(settings.REDIS_LOCATION, {"OPTIONS": PLAIN_OPTIONS})


def cache_aside(name: str) -> str:
    """Look up as most projects do: get; if there is nothing ask the database, and set."""
    key = f"plain:{name}"
    if plain_cache().get(key) is not None:
        return "redis"
    row = Personality._base_manager.get(owner=None, personality_name=name, is_active=True)
    plain_cache().set(key, row.to_config().to_dict(), settings.COPY_TTL_SECONDS)
    return "database"


WAYS: dict[str, Callable[[str], str]] = {"lookup": lookup, "cache aside": cache_aside}


class LookupThreads:
    """In a worker: threads that look names up as fast as they can, from `go` to `halt`.

    Each has names of its own, because those that ask for the same name at a time share an answer.
    """

    def __init__(self, way: str, names: list[list[str]]) -> None:
        self._way, self._rows, self._going, self._over = WAYS[way], list[Lookup](), False, False
        self._start, self._end = threading.Barrier(len(names) + 1), threading.Barrier(len(names) + 1)
        self._threads = [threading.Thread(target=self._run, args=(own,), daemon=True) for own in names]
        for thread in self._threads:
            thread.start()
        self._end.wait()  # all have looked up all

    def go(self) -> None:
        """Let the threads begin."""
        self._going = True
        self._start.wait()

    def halt(self) -> list[Lookup]:
        """Stop the threads until the next `go`; return their lookups since the last one."""
        self._going = False
        self._end.wait()
        rows, self._rows = self._rows, []
        return rows

    def end(self) -> None:
        """End the threads."""
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
        return Lookup(start, time.monotonic_ns(), caught.error or source)


started: list[LookupThreads] = []


def start(way: str, names: list[list[str]]) -> int:
    """Start threads; answers their number when each has looked up each of its names."""
    started.append(LookupThreads(way, names))
    return len(started) - 1


COMMANDS: dict[str, Callable[..., object]] = {
    "load": start,
    "go": lambda load: started[load].go(),
    "halt": lambda load: started[load].halt(),
    "unload": lambda load: started[load].end(),
}


class Window(NamedTuple):
    """Lookups that began after a moment `since`, all of them ended."""

    lookups: list[Lookup]
    since: int

    @property
    def seconds(self) -> float:
        """The time until the last one ended: one that takes long must count."""
        return (max(lookup.end for lookup in self.lookups) - self.since) / 1e9

    @property
    def rate(self) -> float:
        """Lookups a second."""
        return len(self.lookups) / self.seconds


class Load:
    """In a test: THREADS threads in a worker that look names up, each its own, while told to."""

    def __init__(self, worker: Worker, names: Sequence[str], way: str) -> None:
        own = [list(names[index::THREADS]) for index in range(THREADS)]
        self._worker, self.number = worker, worker.ask("load", way=way, names=own)
        self.windows: list[Window] = []

    @contextmanager
    def going(self, seconds: float) -> Iterator[None]:
        """Look up from here on, for `seconds` at least."""
        since = time.monotonic_ns()
        self._worker.ask("go", load=self.number)
        try:
            yield
            pause(seconds, since)
        finally:
            lookups = [Lookup(*row) for row in self._worker.ask("halt", load=self.number)]
            self.windows.append(Window(lookups, since))

    def run(self, seconds: float) -> None:
        """Look up for `seconds`."""
        with self.going(seconds):
            pass

    def leave_out(self, source: str) -> None:
        """Remove from the last window what was answered from `source` before the fault it was to begin with."""
        window = self.windows.pop()
        kept = [lookup for lookup in window.lookups if lookup.source != source]
        self.windows.append(window._replace(lookups=kept))

    @property
    def breaker(self) -> str:
        """The state of the worker's circuit breaker."""
        return str(self._worker.ask("breaker"))

    def share_of(self, other: "Load") -> float:
        """How many times as many lookups a second as `other` in the median round.

        For two that took turns: whatever else the machine did in a round was nearly the same for both.
        """
        rounds = zip(self.windows, other.windows, strict=True)
        return statistics.median(mine.rate / theirs.rate for mine, theirs in rounds)

    @property
    def rate(self) -> float:
        """Lookups a second over all windows."""
        return len(self._all) / sum(window.seconds for window in self.windows)

    @property
    def slowest(self) -> float:
        """Seconds that the slowest lookup took."""
        return max((lookup.end - lookup.start for lookup in self._all), default=0) / 1e9

    @property
    def sources(self) -> set[str]:
        """Where answers came from, and errors."""
        return {lookup.source for lookup in self._all}

    @property
    def _all(self) -> list[Lookup]:
        return [lookup for window in self.windows for lookup in window.lookups]


@contextmanager
def load(worker: Worker, names: Sequence[str], way: str = "lookup") -> Iterator[Load]:
    """Yield a load whose threads have looked up all of their names once."""
    made = Load(worker, names, way)
    try:
        yield made
    finally:
        worker.ask("unload", load=made.number)


def take_turns(loads: Iterable[Load], rounds: int, seconds: float) -> None:
    """Run each in turn, in alternating order, so that whatever else the machine does affects all alike."""
    order = list(loads)
    for _ in range(rounds):
        for each in order:
            each.run(seconds)
        order.reverse()
