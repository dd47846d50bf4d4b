"""What this process knows of the change log, and so which copies are true."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import connection

from coherence import log
from coherence.clock import clock
from coherence.log import Line
from coherence.models import EVERYTHING
from coherence.transactions import in_transaction

IN_TOUCH_SECONDS = 1.2  # what was true this long ago is believed without another word


class ChangeFeed:
    """The latest change of each key, as far back as a floor, below which nothing is known.

    `number` is the log's number as this process knows it; `heard` is when (monotonic, seconds) that was all there was.
    `edition` is another one whenever something has become known.
    Questions take no lock: what they read is replaced whole, or only grows.
    """

    def __init__(self, clock: Callable[[], float] = clock) -> None:
        self.clock = clock
        self.number = 0
        self.edition = 0
        self.heard = float("-inf")
        self._known: tuple[int, dict[str, int]] = (0, {})
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    @property
    def floor(self) -> int:
        return self._known[0]

    @property
    def latest(self) -> Mapping[str, int]:
        return self._known[1]

    def current(self, key: str, number: int) -> bool:
        """Whether a copy that was read at `number` of the log has what the row has, as far as is known.

        A number above ours is not believed either: this log may be an older backup than the copy.
        """
        floor, latest = self._known
        return latest.get(key, floor) <= number <= self.number

    def outdated(self, key: str, number: int) -> bool:
        """Whether a change of `key` after `number` is known."""
        floor, latest = self._known
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
        """Read the log above our number and take it in."""
        asked, known = self.clock(), self.number
        lines = log.since(cursor, known)
        if known and not _is_anchored(lines, known):  # an older backup? There may be copies from a future that is lost
            log.note_everything(cursor)
            lines = log.since(cursor, known)
        with self._lock:
            if self._take(lines, known):
                self.heard = max(self.heard, asked)

    def _take(self, lines: Sequence[Line], known: int) -> bool:
        """False when the answer is of no use any more."""
        is_anchored = _is_anchored(lines, known)
        lines = lines[:-1] if is_anchored else lines
        if not is_anchored or len(lines) >= log.LIMIT:  # something is missing in between
            if self.number != known:
                return False  # another thread has found that out meanwhile
            self._start_over(lines)
        for line in reversed([line for line in lines if line.number > self.number]):  # others are known already
            self._note(line)
        if lines:  # last: a number is known when all changes up to it are
            self.number = max(self.number, lines[0].number)
        self.edition += bool(lines) or not is_anchored
        return True

    def _start_over(self, lines: Sequence[Line]) -> None:
        """Below the oldest line anything may have happened."""
        self.number = 0
        self._known = (lines[-1].number if lines else 0, {})

    def _note(self, line: Line) -> None:
        """Lines come in the order of their numbers."""
        _, latest = self._known
        if line.key == EVERYTHING:
            self._known = (line.number, {})
            return
        latest[line.key] = line.number
        if len(latest) > log.LIMIT:
            self._drop_half()

    def _drop_half(self) -> None:
        """Bounded memory. What is dropped raises the floor, so that copies it would have judged count as outdated."""
        _, latest = self._known
        floor = sorted(latest.values())[len(latest) // 2]
        self._known = (floor, {key: number for key, number in latest.items() if number > floor})

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # a thread that does not exist in the child may hold the old one


def _is_anchored(lines: Sequence[Line], known: int) -> bool:
    """Whether the log still has the change up to which it was known."""
    return bool(lines) and lines[-1] == Line(known, "")


feed = ChangeFeed()
