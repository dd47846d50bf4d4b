"""The change log in SQL: read, written, pruned, and read together with rows."""

from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection

from coherence.models import EVERYTHING

M = TypeVar("M")

CHANNEL = "coherence"
LIMIT = 10_000  # changes that are read at once and remembered; older ones raise the floor
RETENTION_DAYS = 7

# The change up to which the reader knows the log comes last, with an empty key. If it is missing, this is not the log
# that the reader knew: it was pruned beyond that change, or the database is an older backup.
SINCE = f"""
(SELECT number, key FROM coherence_change WHERE number > %(known)s ORDER BY number DESC LIMIT {LIMIT})
UNION ALL
(SELECT number, '' FROM coherence_change WHERE number = %(known)s LIMIT 1)
ORDER BY 1 DESC, 2 DESC
"""  # noqa: S608  built from constants
NOTE = "SELECT public.coherence_note(key) FROM unnest(%s::text[]) AS key"
# The newest change stays, because it is the log's number. A little at a time, because the pruner also follows the log.
PRUNE = f"""
DELETE FROM coherence_change WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM coherence_change
    WHERE number < least((SELECT max(number) FROM coherence_change),
                         (extract(epoch FROM clock_timestamp() - interval '{RETENTION_DAYS} days') * 1000)::bigint)
    ORDER BY number LIMIT 1000))
"""  # noqa: S608


class Cursor(Protocol):
    """A cursor of psycopg's or Django's."""

    def execute(self, statement: Any, parameters: Any, /) -> object:
        """Run an SQL statement."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows of its result."""


class Line(NamedTuple):
    """A change: the number of its commit and the key of its row."""

    number: int
    key: str


def since(cursor: Cursor, known: int) -> list[Line]:
    """The changes above `known`, newest first; then the one of `known` itself, with an empty key, if it exists."""
    cursor.execute(SINCE, {"known": known})
    return [Line(*row) for row in cursor.fetchall()]


class NumberedQuery(Generic[M]):
    """Rows together with the number of the change log at the same moment: one statement, hence one snapshot.

    A number read separately could be that of a change which the rows do not show. The statement is composed once:
    composing it for each lookup would cost several times what PostgreSQL takes to answer.
    """

    def __init__(self, model: str, condition: str, columns: Collection[str] = ()) -> None:
        """`model` is a label as in "auth.User", looked up at the first call. `condition` is SQL with named parameters.
        The instances have `columns`, by default all.
        """
        self.label, self.condition, self.columns = model, condition, columns

    def __call__(self, **parameters: object) -> tuple[int | None, list[M]]:
        """The number and the rows; the number is None when there is no row to carry it."""
        with connection.cursor() as cursor:
            cursor.execute(self._statement, parameters)  # type: ignore[arg-type]
            rows = cursor.fetchall()
        number = rows[0][0] if rows else None
        return number, [self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[1:]) for row in rows]

    @cached_property
    def _model(self) -> Any:
        """A model class whose instances are M."""
        return apps.get_model(self.label)

    @cached_property
    def _names(self) -> list[str]:
        """In the order of the model, as `from_db` wants them."""
        names = [field.attname for field in self._model._meta.concrete_fields]
        return [name for name in names if not self.columns or name in self.columns]

    @cached_property
    def _statement(self) -> str:
        columns = [field.column for field in self._model._meta.concrete_fields if field.attname in self._names]
        found = ", ".join(f'"{column}"' for column in columns)
        number = "(SELECT coalesce(max(number), 0) FROM coherence_change)"
        return f'SELECT {number}, {found} FROM "{self._model._meta.db_table}" WHERE {self.condition}'  # noqa: S608


def note(keys: Iterable[str] = (EVERYTHING,)) -> None:
    """Note a change of `keys`, by default of everything, that no row shows: earlier copies no longer count."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [list(keys)])


def note_everything(cursor: Cursor) -> None:
    """Note a change of everything over `cursor`."""
    cursor.execute(NOTE, [[EVERYTHING]])


def prune(cursor: Cursor) -> None:
    """Delete some of the changes that are older than RETENTION_DAYS."""
    cursor.execute(PRUNE, None)
