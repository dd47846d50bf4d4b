"""What keeps lookups quick, and how to take it away, as `mutations` does with what keeps them true."""

from collections.abc import Callable, Collection
from typing import Any

from coherence.flight import SingleFlight
from coherence.near import NearCache
from resilience.circuit_breaker import Breaker


def without_breaker() -> None:
    """Redis is asked, whatever happened."""
    Breaker.allow = lambda self: True  # type: ignore[method-assign]
    Breaker.is_open = property(lambda self: False)  # type: ignore[assignment,method-assign]


def without_flight() -> None:
    """Everybody goes."""

    def get_many(self: SingleFlight[Any, Any], keys: Collection[Any]) -> dict[Any, Any]:
        return self._load(keys)

    SingleFlight.get_many = get_many  # type: ignore[method-assign]


def without_bound() -> None:
    """Nobody makes room."""
    NearCache._make_room = lambda self: setattr(self, "capacity", len(self) + 1)  # type: ignore[method-assign]


PROTECTIONS: dict[str, Callable[[], None]] = {
    "breaker": without_breaker,
    "flight": without_flight,
    "bound": without_bound,
}
