"""What this process knows of the change log, and so which copies are true."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection

from coherence import log
from coherence.log import Cursor, Line, News, Position
from coherence.models import EVERYTHING
from coherence.transactions import after_commit, in_transaction
from resilience.clock import clock

IN_TOUCH_SECONDS = 1.2  # a process that knew every change this recently counts as in touch: the bound on staleness


class Known(NamedTuple):
    """The latest change of each key above `floor`, up to the log's `number`, all in one `history`."""

    history: str
    floor: int
    latest: dict[str, int]
    number: int

    def and_then(self, lines: Sequence[Line]) -> "Known":
        """What is known after `lines`, which come newest first. Reuses the dict `latest` where it can."""
        history, floor, latest, _ = self
        for line in reversed(lines):
            if line.number <= self.number:  # known already
                continue
            if line.key == EVERYTHING:
                floor, latest = line.number, {}
            else:
                latest[line.key] = line.number
        newest = max(self.number, lines[0].number if lines else 0)
        if len(latest) > log.LIMIT:
            floor, latest = _half(latest)
        return Known(history, floor, latest, newest)


def _half(latest: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """Keep memory bounded. What is dropped raises the floor, so that copies it would have judged count as outdated."""
    floor = sorted(latest.values())[len(latest) // 2]
    return floor, {key: number for key, number in latest.items() if number > floor}


class ChangeFeed:
    """The latest change of each key, back to a floor below which nothing is known.

    `position` is the newest of the change log that this process knows, `number` its number; `heard` is when, in seconds
    of `resilience.clock`, it last knew every change. `edition` increases whenever something becomes known.
    Readers take no lock: state is replaced as a whole, except `latest`, which is updated in place, so that it may
    briefly be newer than `number`.
    """

    def __init__(self, clock: Callable[[], float] = clock) -> None:
        self.clock = clock
        self.edition = 0
        self.heard = float("-inf")
        self._known = Known("", 0, {}, 0)
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    @property
    def position(self) -> Position:
        """The newest position of the change log that is known here. Without a history before the first answer."""
        known = self._known
        return Position(known.history, known.number)

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

    def is_current(self, key: str, position: Position) -> bool:
        """Whether a copy of `key` read at `position` of the change log is current, as far as is known.

        One of another history does not count, nor does a number above ours: the commits that it shows may be lost.
        """
        history, floor, latest, newest = self._known
        return position.history == history != "" and latest.get(key, floor) <= position.number <= newest

    def is_outdated(self, key: str, position: Position) -> bool:
        """Whether a change of `key` after `position` is known, or another history."""
        history, floor, latest, _ = self._known
        return history != "" and (position.history != history or position.number < latest.get(key, floor))

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
        asked, known = self.clock(), self.position
        news = _news(cursor, known)
        with self._lock:
            taken = self._take(news, known)
            if taken:
                self.heard = max(self.heard, asked)
        return taken

    def _take(self, news: News, known: Position) -> bool:
        """False when another thread has overtaken the answer."""
        lines, before = news.lines, self._known
        starts_over = not news.is_anchored or len(lines) >= log.LIMIT  # something is missing in between
        if before.history != known.history or (starts_over and before.number != known.number):
            return False  # another thread has noticed it meanwhile
        if starts_over:  # below the oldest line anything may have changed
            before = Known(news.history or "", lines[-1].number if lines else 0, {}, 0)
        self._known = before.and_then(lines)
        self.edition += bool(lines) or starts_over
        return True

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # the old one may be held by a thread that the child does not have


def _news(cursor: Cursor, known: Position) -> News:
    """What happened after `known`; all that is in the log if its history is over or unknown."""
    news = log.since(cursor, known.number)
    is_lost = known.number and not news.is_anchored  # commits are lost, or pruned: copies may have numbers it never had
    if news.history is None or is_lost:
        log.begin_history(cursor, known.history)
    elif not known.number or news.history == known.history:
        return news
    return log.since(cursor, 0)


feed = ChangeFeed()


def catch_up_on_commit(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let this process know its own commit as soon as it returns. Other processes hear of it from the change log."""
    after_commit(feed.catch_up, using=using)
