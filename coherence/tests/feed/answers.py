"""An answer that is overtaken, and questions about copies of the history that the feed knows."""

from collections.abc import Callable
from typing import Any

from django.db import connection

from coherence.change_log import Position
from coherence.feed import ChangeFeed


class Late:
    """A cursor whose answer is under way while something else happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def execute(self, sql: str, parameters: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            self._rows = cursor.fetchall()

    def fetchall(self) -> Any:
        self._meanwhile()
        return self._rows


def is_current(feed: ChangeFeed, key: str, number: int) -> bool:
    """Whether a copy counts that was read at `number` of the history that the feed knows."""
    return feed.is_current(key, Position(feed.position.history, number))


def may_be_outdated(feed: ChangeFeed, key: str, number: int) -> bool:
    return feed.may_be_outdated(key, Position(feed.position.history, number))
