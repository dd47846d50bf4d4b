"""The cures, and how to take each away. Without it, the judge must object: else the tests prove nothing."""

from collections.abc import Callable
from typing import Any

from django.db import connection

from coherence import log
from coherence.feed import ChangeFeed
from coherence.listener import Listener
from coherence.near import NearCache
from conversations import recent
from tests.faults.gates import stop_here


def without_compare() -> None:
    """A copy is believed whatever its number."""
    _always(ChangeFeed, current=True, outdated=False)


def without_feed() -> None:
    """What caches usually do: Redis only, and a deletion there after each save. Nothing else hears of changes."""
    without_compare()
    _always(ChangeFeed, catch_up=None)
    _always(Listener, ensure=None)
    _always(NearCache, keep=None)
    ChangeFeed.in_touch, ChangeFeed.age = True, 0.0  # type: ignore[assignment,method-assign]


def without_one_statement() -> None:
    """The number of the log is read after the rows: copies of old rows may carry it."""

    read = log.NumberedQuery.__call__

    def read_rows_first(self: log.NumberedQuery[Any], **parameters: object) -> tuple[int, list[Any]]:
        _, found = read(self, **parameters)
        stop_here()
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(number), 0) FROM coherence_change")
            return cursor.fetchone()[0], found

    log.NumberedQuery.__call__ = read_rows_first  # type: ignore[method-assign]


def without_notifications() -> None:
    """Not a cure but a hint: without it the log is looked at every 0.8 s."""
    log.CHANNEL = "nobody_speaks_here"


def without_tail() -> None:
    """A list in Redis is believed, whatever its last message."""
    recent.is_tail = lambda messages, last: True


def _always(owner: type, **answers: object) -> None:
    for name, answer in answers.items():
        setattr(owner, name, lambda *_, answer=answer, **__: answer)


CURES: dict[str, Callable[[], None]] = {
    "compare": without_compare,
    "feed": without_feed,
    "one statement": without_one_statement,
    "notifications": without_notifications,
    "tail": without_tail,
}
