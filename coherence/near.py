"""Copies in this process's memory."""

import threading
from typing import Generic, TypeVar

V = TypeVar("V")


class Copy(Generic[V]):
    """A frozen value, and the number of the change log at which it was read. None: there is no such row."""

    __slots__ = ("number", "reads", "value")

    def __init__(self, value: V | None, number: int) -> None:
        self.value = value
        self.number = number
        self.reads = 0  # counted without a lock: a lost one does no harm


class NearCache(Generic[V]):
    """At most `capacity` copies by key; one that was not read lately makes room. Reading takes no lock."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._copies: dict[str, Copy[V]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._copies)

    def get(self, key: str) -> Copy[V] | None:
        copy = self._copies.get(key)
        if copy is not None:
            copy.reads += 1
        return copy

    def keep(self, key: str, copy: Copy[V]) -> None:
        """Keep it, unless a later one is kept already."""
        with self._lock:
            kept = self._copies.get(key)
            if kept is None or kept.number <= copy.number:
                self._copies[key] = copy
            while len(self._copies) > self.capacity:
                self._make_room()

    def _make_room(self) -> None:
        """The oldest goes, unless it was read meanwhile: nearly the least recently used, without a lock for readers."""
        key = next(iter(self._copies))
        copy = self._copies.pop(key)
        if copy.reads:
            copy.reads = 0
            self._copies[key] = copy
