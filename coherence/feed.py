"""What this process knows of the change log, and so which copies are true."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection

from coherence import log
from coherence.log import Line
from coherence.models import EVERYTHING
from coherence.transactions import in_transaction
from resilience.clock import clock

IN_TOUCH_SECONDS = 1.2  # what was true this long ago is believed without another word


class Known(NamedTuple):
    """The latest change of each key above `floor`, up to the log's `number`."""

    floor: int
    latest: dict[str, int]
    number: int

    def and_then(self, lines: Sequence[Line]) -> "Known":
        """What is known with these, newest first. `latest` is the same dict, if it can be."""
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
    """Bounded memory. What is dropped raises the floor, so that copies it would have judged count as outdated."""
    floor = sorted(latest.values())[len(latest) // 2]
    return floor, {key: number for key, number in latest.items() if number > floor}


class ChangeFeed:
    """The latest change of each key, as far back as a floor, below which nothing is known.

    `number` is the log's number as this process knows it; `heard` is when (monotonic, seconds) that was all there was.
    `edition` is another one whenever something has become known.
    Questions take no lock: what they read is replaced whole, but for `latest`, which is ahead of `number` then.
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
        return self._known.number

    @property
    def floor(self) -> int:
        return self._known.floor

    @property
    def latest(self) -> Mapping[str, int]:
        return self._known.latest

    def current(self, key: str, number: int) -> bool:
        """Whether a copy that was read at `number` of the log has what the row has, as far as is known.

        A number above ours is not believed either: this log may be an older backup than the copy.
        """
        floor, latest, newest = self._known
        return latest.get(key, floor) <= number <= newest

    def outdated(self, key: str, number: int) -> bool:
        """Whether a change of `key` after `number` is known."""
        floor, latest, _ = self._known
        return number < latest.get(key, floor)

    @property
    def age(self) -> float:
        """Seconds since all that is known here was all there was."""
        return self.clock() - self.heard

    @property
    def in_touch(self) -> bool:
        return self.age <= IN_TOUCH_SECONDS

    def catch_up(self) -> None:
        """Read the log over the caller's connection: what it has committed is known when this returns.

        Not inside a transaction, which may see an old log, or changes that are nobody else's yet.
        """
        if in_transaction():
            return
        with connection.cursor() as cursor:
            self.poll(cursor)

    def poll(self, cursor: Any) -> None:
        """Read the log above our number and take it in. An answer that is of no use any more is asked for again."""
        while not self._poll(cursor):
            pass

    def _poll(self, cursor: Any) -> bool:
        asked, known = self.clock(), self.number
        lines = log.since(cursor, known)
        if known and not _is_anchored(lines, known):  # an older backup? There may be copies from a future that is lost
            log.note_everything(cursor)
            lines = log.since(cursor, known)
        with self._lock:
            taken = self._take(lines, known)
            if taken:
                self.heard = max(self.heard, asked)
        return taken

    def _take(self, lines: Sequence[Line], known: int) -> bool:
        """False when the answer is of no use any more."""
        is_anchored = _is_anchored(lines, known)
        lines = lines[:-1] if is_anchored else lines
        before = self._known
        if not is_anchored or len(lines) >= log.LIMIT:  # something is missing in between
            if before.number != known:
                return False  # another thread has found that out meanwhile
            before = Known(lines[-1].number if lines else 0, {}, 0)  # below the oldest line anything may have happened
        self._known = before.and_then(lines)
        self.edition += bool(lines) or not is_anchored
        return True

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # a thread that does not exist in the child may hold the old one


def _is_anchored(lines: Sequence[Line], known: int) -> bool:
    """Whether the log still has the change up to which it was known."""
    return bool(lines) and lines[-1] == Line(known, "")


feed = ChangeFeed()
