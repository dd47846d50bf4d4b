"""What this process knows of the change log, and so which copies are true."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection

from coherence import log
from coherence.log import Cursor, Line
from coherence.models import EVERYTHING
from coherence.transactions import after_commit, in_transaction
from resilience.clock import clock

IN_TOUCH_SECONDS = 1.2  # a process that knew every change this recently counts as in touch: the bound on staleness


class Known(NamedTuple):
    """The latest change of each key above `floor`, up to the log's `number`."""

    floor: int
    latest: dict[str, int]
    number: int

    def and_then(self, lines: Sequence[Line]) -> "Known":
        """What is known after `lines`, which come newest first. Reuses the dict `latest` where it can."""
        floor, latest = self.floor, self.latest
        for line in reversed(lines):
            if line.number <= self.number:  # known already
                continue
            if line.key == EVERYTHING:
                floor, latest = line.number, {}
            else:
                latest[line.key] = line.number
        newest = max(self.number, lines[0].number if lines else 0)
        return Known(floor, latest, newest) if len(latest) <= log.LIMIT else Known(*_half(latest), newest)


def _half(latest: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """Keep memory bounded. What is dropped raises the floor, so that copies it would have judged count as outdated."""
    floor = sorted(latest.values())[len(latest) // 2]
    return floor, {key: number for key, number in latest.items() if number > floor}


class ChangeFeed:
    """The latest change of each key, back to a floor below which nothing is known.

    `number` is the newest number of the change log that this process knows; `heard` is when, in seconds of
    `resilience.clock`, it last knew every change. `edition` increases whenever something becomes known.
    Readers take no lock: state is replaced as a whole, except `latest`, which is updated in place, so that it may
    briefly be newer than `number`.
    """

    def __init__(self, clock: Callable[[], float] = clock) -> None:
        self.clock = clock
        self.edition = 0
        self.heard = float("-inf")
        self._known = Known(0, {}, 0)
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    @property
    def number(self) -> int:
        """The newest number of the change log that is known here."""
        return self._known.number

    @property
    def floor(self) -> int:
        """The number below which nothing is known of any key."""
        return self._known.floor

    @property
    def latest(self) -> Mapping[str, int]:
        """The number of the latest change by key, of keys that changed above the floor."""
        return self._known.latest

    def is_current(self, key: str, number: int) -> bool:
        """Whether a copy of `key` read at `number` of the change log is current, as far as is known.

        A number above ours does not count: this database may be an older backup than the copy.
        """
        floor, latest, newest = self._known
        return latest.get(key, floor) <= number <= newest

    def is_outdated(self, key: str, number: int) -> bool:
        """Whether a change of `key` after `number` is known."""
        floor, latest, _ = self._known
        return number < latest.get(key, floor)

    @property
    def age(self) -> float:
        """Seconds since this process last knew every change."""
        return self.clock() - self.heard

    @property
    def in_touch(self) -> bool:
        """Whether this process knew every change within IN_TOUCH_SECONDS."""
        return self.age <= IN_TOUCH_SECONDS

    def catch_up(self) -> None:
        """Read the change log over the caller's connection, so that its own commits are known when this returns.

        Does nothing inside a transaction, which may see an old log, or changes that are not committed yet.
        """
        if in_transaction():
            return
        with connection.cursor() as cursor:
            self.poll(cursor)

    def poll(self, cursor: Cursor) -> None:
        """Read the change log above our number and take it in, again whenever another thread overtook the answer."""
        while not self._poll(cursor):
            pass

    def _poll(self, cursor: Cursor) -> bool:
        asked, known = self.clock(), self.number
        lines = log.since(cursor, known)
        if known and not _is_anchored(lines, known):  # restored backup, or pruned: copies may have numbers it never had
            log.note_everything(cursor)
            lines = log.since(cursor, known)
        with self._lock:
            taken = self._take(lines, known)
            if taken:
                self.heard = max(self.heard, asked)
        return taken

    def _take(self, lines: Sequence[Line], known: int) -> bool:
        """False when another thread has overtaken the answer."""
        is_anchored = _is_anchored(lines, known)
        lines = lines[:-1] if is_anchored else lines
        before = self._known
        if not is_anchored or len(lines) >= log.LIMIT:  # something is missing in between
            if before.number != known:
                return False  # another thread has noticed it meanwhile
            before = Known(lines[-1].number if lines else 0, {}, 0)  # below the oldest line anything may have changed
        self._known = before.and_then(lines)
        self.edition += bool(lines) or not is_anchored
        return True

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # the old one may be held by a thread that the child does not have


def _is_anchored(lines: Sequence[Line], known: int) -> bool:
    """Whether the log still contains the change up to which it was known."""
    return bool(lines) and lines[-1] == Line(known, "")


feed = ChangeFeed()


def catch_up_on_commit(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let this process know its own commit as soon as it returns. Other processes hear of it from the change log."""
    after_commit(feed.catch_up, using=using)
