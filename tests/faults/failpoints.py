"""Places at which a worker stops until told to go on, or for ever."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from coherence.cache import CoherentCache
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


def die_before_hooks() -> None:
    """Have this process die by SIGKILL at its next commit hook, when the row is committed."""
    add: Callable[..., None] = BaseDatabaseWrapper.on_commit

    def on_commit(self: BaseDatabaseWrapper, func: Any, robust: bool = False) -> None:
        add(self, lambda: os.kill(os.getpid(), signal.SIGKILL))

    BaseDatabaseWrapper.on_commit = on_commit  # type: ignore[method-assign]
