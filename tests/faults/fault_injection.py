"""Faults put into a worker: places where it stops until told to go on, or for ever, and safeguards that are taken away.

The safeguards keep lookups true and quick. Without one a test must fail, else it proves nothing.
"""

import os
import signal
import threading
from collections.abc import Callable, Collection
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from coherence import change_log
from coherence.cache import CoherentCache
from coherence.feed import ChangeFeed
from coherence.listener import Listener
from coherence.local_cache import LocalCache
from coherence.single_flight import SingleFlight
from conversations import recent
from resilience.circuit_breaker import Breaker
from tests.faults.reads import Row, read

MAX_SECONDS = 30.0


class Held:
    """A read in a thread of its own that stops between reading the row and keeping copies of it."""

    def __init__(self, name: str) -> None:
        self._name, self._rows = name, list[Row]()
        self._reached, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: self._rows.append(read(self._name)), daemon=True)

    def start(self) -> None:
        """Begin; return when the row has been read."""
        self._thread.start()
        assert self._reached.wait(MAX_SECONDS), "the read did not come to the database"

    def start_at_once(self) -> None:
        """Begin without a stop. The read should hang when this returns, and would have ended otherwise."""
        self._thread.start()
        self._thread.join(0.2)

    def stop_here(self) -> None:
        """Stop the thread of this read, if it is the one that calls."""
        if threading.current_thread() is self._thread:
            self._reached.set()
            assert self._go.wait(MAX_SECONDS), "nobody let the read go on"

    def end(self) -> Row:
        """Let the read go on; return what it read."""
        self._go.set()
        self._thread.join(MAX_SECONDS)
        return self._rows[0]


held: list[Held] = []  # these stop at the failpoint,
joined: list[Held] = []  # these do not
load = CoherentCache._query


def _load_and_stop(self: Any, keys: Any) -> Any:
    loaded = load(self, keys)
    stop_here()
    return loaded


def stop_here() -> None:
    """Stop the thread that calls, if it belongs to a held read."""
    for each in held:
        each.stop_here()


def hold(name: str) -> None:
    """Begin a read; answer when it has the row and has kept no copy yet."""
    CoherentCache._query = _load_and_stop  # type: ignore[method-assign]
    held.append(Held(name))
    held[-1].start()


def join(name: str) -> None:
    """Begin another read, which will wait for the held one, since a name is loaded once at a time."""
    joined.append(Held(name))
    joined[-1].start_at_once()


def joined_read() -> Row:
    """Answer how the read that `join` began has ended."""
    return joined.pop(0).end()


def release() -> Row:
    """Let the held read go on; answer what it read."""
    return held.pop(0).end()


def kill_before_commit_hooks() -> None:
    """Have this process die by SIGKILL at its next commit hook, when the row is committed."""
    add: Callable[..., None] = BaseDatabaseWrapper.on_commit

    def on_commit(self: BaseDatabaseWrapper, func: Any, robust: bool = False) -> None:
        add(self, lambda: os.kill(os.getpid(), signal.SIGKILL))

    BaseDatabaseWrapper.on_commit = on_commit  # type: ignore[method-assign]


def without_compare() -> None:
    """Accept a copy whatever its number."""
    _always(ChangeFeed, is_current=True, may_be_outdated=False, has_commit=True)


def without_feed() -> None:
    """Do what caches usually do: Redis only, and a deletion there after each save; nothing else learns of changes."""
    without_compare()
    _always(ChangeFeed, catch_up=None)
    _always(Listener, ensure=None)
    _always(LocalCache, keep=None)
    ChangeFeed.in_touch, ChangeFeed.age = True, 0.0  # type: ignore[assignment,method-assign]


def without_one_statement() -> None:
    """Read the position of the log after the rows, so that copies of old rows may carry it."""

    read = change_log.NumberedQuery.__call__

    def read_rows_first(
        self: change_log.NumberedQuery[Any], **parameters: object
    ) -> tuple[change_log.Position, list[Any]]:
        _, found = read(self, **parameters)
        stop_here()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {change_log.POSITION}")
            return change_log.Position(*cursor.fetchone()), found

    change_log.NumberedQuery.__call__ = read_rows_first  # type: ignore[method-assign]


def without_notifications() -> None:
    """Lose all notifications. They are only hints: without them the log is polled every 0.75 s."""
    change_log.CHANNEL = "nobody_speaks_here"


def without_tail() -> None:
    """Accept a list in Redis whatever its last message."""
    recent.is_tail = lambda messages, last: True


def _always(owner: type, **answers: object) -> None:
    for name, answer in answers.items():
        setattr(owner, name, lambda *_, answer=answer, **__: answer)


def without_breaker() -> None:
    """Ask Redis whatever happened."""
    Breaker.allow = lambda self: True  # type: ignore[method-assign]
    Breaker.is_open = property(lambda self: False)  # type: ignore[assignment,method-assign]


def without_single_flight() -> None:
    """Let everybody load for themselves."""

    def get_many(self: SingleFlight[Any, Any], keys: Collection[Any]) -> dict[Any, Any]:
        return self._load(keys)

    SingleFlight.get_many = get_many  # type: ignore[method-assign]


def without_bound() -> None:
    """Never evict from the local cache."""

    def evict(self: LocalCache[Any, Any], spared: Any) -> None:
        self.capacity, self._max_weight = len(self) + 1, self._weight

    LocalCache._evict = evict  # type: ignore[method-assign]


SAFEGUARDS: dict[str, Callable[[], None]] = {
    "compare": without_compare,
    "feed": without_feed,
    "one statement": without_one_statement,
    "notifications": without_notifications,
    "tail": without_tail,
    "breaker": without_breaker,
    "single flight": without_single_flight,
    "bound": without_bound,
}
