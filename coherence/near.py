"""Copies in this process's memory."""

import threading
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

NONE = -1  # no edition of the feed


class Copy(Generic[K, V]):
    """A frozen value, None when there is no such row, and the number of the change log at which it was read."""

    __slots__ = ("edition", "key", "number", "reads", "used", "value")

    def __init__(self, key: K, value: V | None, number: int) -> None:
        self.key = key
        self.value = value
        self.number = number
        self.edition = NONE  # of the feed, in which it was last found to be true
        self.reads = 0  # answers given with it, counted without a lock: a lost one does no harm
        self.used = False  # since it was last considered for making room

    def retire(self) -> None:
        """It is kept no more: who still holds it must look for another."""
        self.number = self.edition = NONE


class NearCache(Generic[K, V]):
    """At most `capacity` copies by key; one that was not used lately makes room. Reading takes no lock."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._copies: dict[K, Copy[K, V]] = {}
        self._lock = threading.Lock()
        self._past_reads = 0  # of copies that are not kept any more

    def __len__(self) -> int:
        return len(self._copies)

    def get(self, key: K) -> Copy[K, V] | None:
        copy = self._copies.get(key)
        if copy is not None:
            copy.used = True
        return copy

    @property
    def reads(self) -> int:
        """Answers given with copies that are or were kept."""
        return self._past_reads + sum(copy.reads for copy in list(self._copies.values()))

    def keep(self, copy: Copy[K, V]) -> None:
        """Keep it, unless a later one is kept already."""
        if not self.capacity:
            return
        with self._lock:
            kept = self._copies.get(copy.key)
            if kept is None or kept.number <= copy.number:
                self._copies[copy.key] = copy
                self._retire(kept)
            while len(self._copies) > self.capacity:
                self._make_room()

    def retire_all(self) -> None:
        """Takes no lock: it may be held by a thread that a forked child does not have."""
        for copy in list(self._copies.values()):
            copy.retire()

    def drop(self, key: K, number: int) -> None:
        """Forget it, unless it is later than `number`."""
        if key not in self._copies:  # as nearly always
            return
        with self._lock:
            kept = self._copies.get(key)
            if kept is not None and kept.number <= number:
                self._retire(self._copies.pop(key))

    def _make_room(self) -> None:
        """The oldest goes, unless it was used meanwhile: nearly the least recently used, without a lock for readers."""
        key = next(iter(self._copies))
        copy = self._copies.pop(key)
        if copy.used:
            copy.used = False
            self._copies[key] = copy
        else:
            self._retire(copy)

    def _retire(self, copy: Copy[K, V] | None) -> None:
        if copy is not None:
            self._past_reads += copy.reads
            copy.retire()
