"""What may befall the feed: an answer that is overtaken, and an older log."""

from collections.abc import Callable
from typing import Any

from django.db import connection

from coherence.tests.change_log import forget_numbers
from tests.database import sql


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


def restore(number: int) -> None:
    """The database as a backup has it that was made at `number`."""
    forget_numbers(number)
    sql("DELETE FROM coherence_change WHERE number > %s", number)
