"""The change log, read and written: every statement of SQL that coherence needs."""

from collections.abc import Collection, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models

from coherence.models import EVERYTHING

M = TypeVar("M", bound=models.Model)

CHANNEL = "coherence"
LIMIT = 10_000  # changes that are read, and remembered; what is older raises the floor
RETENTION_DAYS = 7

# The change up to which the reader knows the log stands last, with an empty key. Where it is missing the log is not
# the one that the reader knew: pruned beyond it, or an older backup.
SINCE = f"""
(SELECT number, key FROM coherence_change WHERE number > %(known)s ORDER BY number DESC LIMIT {LIMIT})
UNION ALL
(SELECT number, '' FROM coherence_change WHERE number = %(known)s LIMIT 1)
ORDER BY 1 DESC, 2 DESC
"""  # noqa: S608  a constant of ours
NOTE = "SELECT public.coherence_note(key) FROM unnest(%s::text[]) AS key"
# The newest change stays: it is the log's number. A little at a time, for whoever prunes has to follow the log as well.
PRUNE = f"""
DELETE FROM coherence_change WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM coherence_change
    WHERE number < least((SELECT max(number) FROM coherence_change),
                         (extract(epoch FROM clock_timestamp() - interval '{RETENTION_DAYS} days') * 1000)::bigint)
    ORDER BY number LIMIT 1000))
"""  # noqa: S608


class Line(NamedTuple):
    number: int
    key: str


def since(cursor: Any, known: int) -> list[Line]:
    """The changes above `known`, newest first, and last the one of `known` itself, with an empty key, if it exists."""
    cursor.execute(SINCE, {"known": known})
    return [Line(*row) for row in cursor.fetchall()]


class NumberedQuery(Generic[M]):
    """Rows, and the number of the log at the same moment: one statement, and so one snapshot, for both.

    A number read after the rows could be that of a change which the rows do not show. The statement is written once:
    composing it anew for each lookup would cost several times what PostgreSQL takes to answer.
    """

    def __init__(self, model: type[M], condition: str, columns: Collection[str] = ()) -> None:
        """`condition` is SQL with named parameters. The instances have `columns`, by default all."""
        self.model = model
        fields = [field for field in model._meta.concrete_fields if not columns or field.attname in columns]
        self.names = [field.attname for field in fields]  # from_db wants them in the order of the model
        found = ", ".join(f'"{field.column}"' for field in fields)
        number = "(SELECT coalesce(max(number), 0) FROM coherence_change)"
        self.statement = f'SELECT {number}, {found} FROM "{model._meta.db_table}" WHERE {condition}'  # noqa: S608

    def __call__(self, **parameters: object) -> tuple[int | None, list[M]]:
        """The number is None when there is no row to tell it."""
        with connection.cursor() as cursor:
            cursor.execute(self.statement, parameters)  # type: ignore[arg-type]
            rows = cursor.fetchall()
        number = rows[0][0] if rows else None
        return number, [self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[1:]) for row in rows]


def note(keys: Iterable[str] = (EVERYTHING,)) -> None:
    """Note a change of `keys`, or of everything, that no row shows: copies from before count no longer."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [list(keys)])


def note_everything(cursor: Any) -> None:
    cursor.execute(NOTE, [[EVERYTHING]])


def prune(cursor: Any) -> None:
    """Delete some of the changes that are older than RETENTION_DAYS."""
    cursor.execute(PRUNE)
