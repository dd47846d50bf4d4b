"""Copies in this process's memory, bounded, read without a lock."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from coherence.change_log import Position

K = TypeVar("K")
V = TypeVar("V")

NO_REVISION = -1  # never a revision of the feed
NOWHERE = Position("", -1)  # never a position of the change log


class Copy(Generic[K, V]):
    """An immutable value, None when there is no such row, and the position of the change log at which it was read."""

    __slots__ = ("key", "position", "reads", "used", "value", "revision")

    def __init__(self, key: K, value: V | None, position: Position) -> None:
        self.key = key
        self.value = value
        self.position = position
        self.revision = NO_REVISION  # the feed's, when it was last found current
        self.reads = 0  # answers given, counted without a lock: losing one does no harm
        self.used = False  # since it was last considered for eviction

    def read(self) -> V | None:
        """The value, counted as an answer."""
        self.used = True
        self.reads += 1
        return self.value

    def retire(self) -> None:
        """Mark as dropped, so that code that still holds it looks for another."""
        self.position, self.revision = NOWHERE, NO_REVISION

    def is_later(self, position: Position) -> bool:
        """Whether it was read after `position`, in the same history."""
        return self.position.history == position.history and self.position.number > position.number


def weightless(value: object) -> int:
    """The weight of values that are so small that bounding their number is enough."""
    return 0


class LocalCache(Generic[K, V]):
    """At most `capacity` copies by key; the oldest that was not used lately is evicted. Reading takes no lock.

    Together they weigh at most `max_weight`, in whatever unit `weigh` returns, except that the latest is always kept.
    """

    def __init__(self, capacity: int, weigh: Callable[[V], int] = weightless, max_weight: int = 0) -> None:
        self.capacity = capacity
        self.released_weight_total = 0  # of all copies let go so far; who else holds copies lets go as it grows
        self._weigh, self._max_weight, self._weight = weigh, max_weight, 0
        self._copies: dict[K, Copy[K, V]] = {}
        self._lock = threading.Lock()
        self._past_reads = 0  # of copies that were dropped

    def __len__(self) -> int:
        return len(self._copies)

    def get(self, key: K) -> Copy[K, V] | None:
        """The copy of `key`, current or not; it counts as used."""
        copy = self._copies.get(key)
        if copy is not None:
            copy.used = True
        return copy

    @property
    def reads(self) -> int:
        """Answers given from copies that are or were kept. Takes the lock: no copy may be dropped while it counts."""
        with self._lock:
            return self._past_reads + sum(copy.reads for copy in self._copies.values())

    def keep(self, copy: Copy[K, V]) -> None:
        """Keep `copy`, unless a later one of the same history is kept already."""
        if not self.capacity:
            return
        with self._lock:
            kept = self._copies.get(copy.key)
            if kept is None or not kept.is_later(copy.position):
                self._copies[copy.key] = copy
                self._weight += self._weight_of(copy)
                self._retire(kept)
            while len(self._copies) > self.capacity or (self._weight > self._max_weight and len(self._copies) > 1):
                self._evict(spared=copy.key)

    def retire_all(self) -> None:
        """Retire every copy. Makes a new lock: after a fork, a thread that the child lacks may hold the old one."""
        self._lock = threading.Lock()
        for copy in list(self._copies.values()):
            copy.retire()

    def drop(self, key: K, position: Position) -> None:
        """Drop the copy of `key`, unless it is later than `position`."""
        if key not in self._copies:  # as nearly always
            return
        with self._lock:
            kept = self._copies.get(key)
            if kept is not None and not kept.is_later(position):
                self._retire(self._copies.pop(key))

    def _evict(self, spared: K) -> None:
        """Drop the oldest, unless it was used meanwhile: close to "least recently used", but readers need no lock.

        `spared` is the key of the latest, which stays even if all others were used.
        """
        key = next(iter(self._copies))
        copy = self._copies.pop(key)
        if copy.used or key == spared:
            copy.used = False
            self._copies[key] = copy
        else:
            self._retire(copy)

    def _retire(self, copy: Copy[K, V] | None) -> None:
        if copy is not None:
            weight = self._weight_of(copy)
            self._weight, self.released_weight_total = self._weight - weight, self.released_weight_total + weight
            self._past_reads += copy.reads
            copy.retire()

    def _weight_of(self, copy: Copy[K, V]) -> int:
        return 0 if copy.value is None else self._weigh(copy.value)
