"""What keeps lookups true and quick, and how to take it away: without it a test must fail, else it proves nothing."""

from collections.abc import Callable, Collection
from typing import Any

from django.db import connection

from coherence import change_log
from coherence.feed import ChangeFeed
from coherence.listener import Listener
from coherence.local_cache import LocalCache
from coherence.single_flight import SingleFlight
from conversations import recent
from resilience.circuit_breaker import Breaker
from tests.faults.failpoints import stop_here


def without_compare() -> None:
    """Accept a copy whatever its number."""
    _always(ChangeFeed, is_current=True, is_outdated=False, has_commit=True)


def without_feed() -> None:
    """Do what caches usually do: Redis only, and a deletion there after each save; nothing else learns of changes."""
    without_compare()
    _always(ChangeFeed, catch_up=None)
    _always(Listener, ensure=None)
    _always(LocalCache, keep=None)
    ChangeFeed.in_touch, ChangeFeed.age = True, 0.0  # type: ignore[assignment,method-assign]


def without_one_statement() -> None:
    """Read the position of the log after the rows, so that copies of old rows may carry it."""

    read = change_log.NumberedQuery.__call__

    def read_rows_first(
        self: change_log.NumberedQuery[Any], **parameters: object
    ) -> tuple[change_log.Position, list[Any]]:
        _, found = read(self, **parameters)
        stop_here()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {change_log.POSITION}")
            return change_log.Position(*cursor.fetchone()), found

    change_log.NumberedQuery.__call__ = read_rows_first  # type: ignore[method-assign]


def without_notifications() -> None:
    """Lose all notifications. They are only hints: without them the log is polled every 0.75 s."""
    change_log.CHANNEL = "nobody_speaks_here"


def without_tail() -> None:
    """Accept a list in Redis whatever its last message."""
    recent.is_tail = lambda messages, last: True


def _always(owner: type, **answers: object) -> None:
    for name, answer in answers.items():
        setattr(owner, name, lambda *_, answer=answer, **__: answer)


def without_breaker() -> None:
    """Ask Redis whatever happened."""
    Breaker.allow = lambda self: True  # type: ignore[method-assign]
    Breaker.is_open = property(lambda self: False)  # type: ignore[assignment,method-assign]


def without_flight() -> None:
    """Let everybody load for themselves."""

    def get_many(self: SingleFlight[Any, Any], keys: Collection[Any]) -> dict[Any, Any]:
        return self._load(keys)

    SingleFlight.get_many = get_many  # type: ignore[method-assign]


def without_bound() -> None:
    """Never evict from the local cache."""

    def evict(self: LocalCache[Any, Any], spared: Any) -> None:
        self.capacity, self._max_weight = len(self) + 1, self._weight

    LocalCache._evict = evict  # type: ignore[method-assign]


CURES: dict[str, Callable[[], None]] = {
    "compare": without_compare,
    "feed": without_feed,
    "one statement": without_one_statement,
    "notifications": without_notifications,
    "tail": without_tail,
    "breaker": without_breaker,
    "flight": without_flight,
    "bound": without_bound,
}
