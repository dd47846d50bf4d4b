"""The cache that processes share, as lookups see it."""

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

from coherence.change_log import Position

K = TypeVar("K")
V = TypeVar("V")


class SharedCache(Protocol[K, V]):
    """A cache that processes share. It must neither raise nor hang.

    It may drop copies, keep stale ones, or apply writes out of order; positions make that safe.
    """

    def get_many(self, keys: Collection[K]) -> Mapping[K, tuple[Position, V]]:
        """The copies that are there, each with the position it was stored with."""

    def store(self, position: Position, values: Mapping[K, V]) -> None:
        """Keep copies that were read at `position` of the change log."""

    def delete(self, keys: Collection[K]) -> None:
        """Drop the copies of `keys`."""


class NoSharedCache(SharedCache[K, V]):
    """No shared cache."""

    def get_many(self, keys: Collection[K]) -> Mapping[K, tuple[Position, V]]:
        """No copies."""
        return {}

    def store(self, position: Position, values: Mapping[K, V]) -> None:
        """Keep nothing."""

    def delete(self, keys: Collection[K]) -> None:
        """Delete nothing: no copy was kept."""
