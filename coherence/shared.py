"""The cache that processes share, as lookups see it."""

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

from coherence.change_log import Position

K = TypeVar("K")
V = TypeVar("V")


class SharedCache(Protocol[K, V]):
    """A cache that processes share. It may lose, keep and reorder copies at will, because each has a position.

    It must neither raise nor hang.
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
        """Nothing."""
        return {}

    def store(self, position: Position, values: Mapping[K, V]) -> None:
        """Do nothing."""

    def delete(self, keys: Collection[K]) -> None:
        """Do nothing."""
