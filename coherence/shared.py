"""What a cache that processes share has to offer."""

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Shared(Protocol[K, V]):
    """It may lose, keep and reorder what it likes, for each copy has a number. It must not raise, and not hang."""

    def get_many(self, keys: Collection[K]) -> Mapping[K, tuple[int, V]]:
        """The copies that are there, each with the number it was stored with."""

    def store(self, number: int, values: Mapping[K, V]) -> None: ...


class Nothing(Shared[K, V]):
    """No shared cache."""

    def get_many(self, keys: Collection[K]) -> Mapping[K, tuple[int, V]]:
        return {}

    def store(self, number: int, values: Mapping[K, V]) -> None:
        pass
