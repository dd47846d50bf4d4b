"""The change log in SQL: read, written, pruned, and read together with rows."""

from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection

from coherence.models import EVERYTHING

M = TypeVar("M")

CHANNEL = "coherence"
MAX_REMEMBERED_KEYS = 150_000  # changed keys and groups that a process remembers: some 23 MiB
MAX_REMEMBERED_COMMITS = 150_000  # numbers of commits that it remembers: 1.2 MiB
MAX_ENTRIES_PER_POLL = 100_000  # read at once; about the rest the log is asked later, copy by copy
FIRST_MAX_ENTRIES = 10_000  # in the first poll, and in the one after a poll that was not answered in time
RETENTION_DAYS = 7
PRUNED_AT_ONCE = 5_000

# Identifies the physical database that a history belongs to: timeline, database OID, and the xmin of the row. A
# promoted standby has another timeline; a restored row has another xmin.
PLACE = """
concat_ws('/', public.coherence_timeline(), (SELECT oid FROM pg_database WHERE datname = current_database()), {xmin})
"""
HERE = PLACE.format(xmin="history.xmin")
# NULL: this database needs a new history. Empty: it does too, but is read-only.
HISTORY = f"""
SELECT CASE WHEN pg_is_in_recovery() THEN name WHEN place = {HERE} THEN name
            WHEN current_setting('transaction_read_only')::bool THEN '' END
FROM (SELECT) AS nothing LEFT JOIN coherence_history AS history ON id = 1
"""  # noqa: S608  built from constants
BEGIN_HISTORY = f"""
INSERT INTO coherence_history AS history (id, name, place)
VALUES (1, replace(gen_random_uuid()::text, '-', ''), {PLACE.format(xmin="pg_current_xact_id()::xid")})
ON CONFLICT (id) DO UPDATE SET name = excluded.name, place = excluded.place
WHERE history.place <> {HERE}
OR (history.name = %s AND %s >= coalesce((SELECT min(number) FROM coherence_change), 0))
"""  # noqa: S608

# The newest entries after commit `known`; then one with the number of that commit and an empty key; the history comes
# last. If `known` is missing, this is not the log that the reader knew: it was pruned further, or commits were lost.
SINCE = f"""
(SELECT number, key FROM coherence_change WHERE number > %(known)s ORDER BY number DESC LIMIT %(limit)s)
UNION ALL
(SELECT number, '' FROM coherence_change WHERE number = %(known)s LIMIT 1)
UNION ALL
(SELECT -1, ({HISTORY}))
ORDER BY 1 DESC, 2 DESC
"""  # noqa: S608
# The last change of each key, and whether the log has each number. If it has no change of a key, the key may have
# changed at any time before the oldest entry.
LAST_CHANGES = f"""
SELECT asked.key, coalesce(greatest(
    (SELECT max(number) FROM coherence_change WHERE key = asked.key),
    (SELECT max(number) FROM coherence_change WHERE key = '{EVERYTHING}'),
    (SELECT min(number) FROM coherence_change)), 0), asked.number,
    EXISTS (SELECT FROM coherence_change WHERE number = asked.number)
FROM unnest(%s::text[], %s::bigint[]) AS asked(key, number)
"""  # noqa: S608
# Of the `limit` entries before a given one: the first, the last change of each group (`LogEntry.group`), and all
# numbers. Entries are compared by number and key: one commit, which has one number, may have more entries than that.
GROUPS_BEFORE = """
WITH first AS (
    (SELECT number, key FROM coherence_change WHERE (number, key) < (%(number)s, %(key)s)
     ORDER BY number DESC, key DESC OFFSET %(limit)s - 1 LIMIT 1)
    UNION ALL
    (SELECT number, key FROM coherence_change ORDER BY number, key LIMIT 1)
    ORDER BY 1 DESC, 2 DESC LIMIT 1),
lines AS MATERIALIZED (
    SELECT number, key FROM coherence_change
    WHERE (number, key) < (%(number)s, %(key)s)
    AND (number, key) >= ((SELECT number FROM first), (SELECT key FROM first)))
SELECT 'first', number, key FROM first
UNION ALL
SELECT 'group', max(number), CASE WHEN strpos(key, ':') = 0 THEN key
                                  ELSE split_part(key, ':', 1) || ':' || split_part(key, ':', 2) END
FROM lines GROUP BY 3
UNION ALL
SELECT DISTINCT 'commit', number, '' FROM lines
"""
# Does not check which database the history belongs to: the feed does, wherever it is decided whether copies count.
POSITION = """
coalesce((SELECT name FROM coherence_history WHERE id = 1), ''), coalesce((SELECT max(number) FROM coherence_change), 0)
"""
RECORD = "SELECT public.coherence_note(key) FROM unnest(%s::text[]) AS key"
# Record hourly which number the log had reached; numbers alone are no reliable timestamps, since a clock may have run
# ahead.
ADD_MILESTONE = """
INSERT INTO coherence_milestone AS milestone (number, reached_at)
SELECT max(number), now() FROM coherence_change HAVING max(number) IS NOT NULL AND NOT EXISTS
    (SELECT FROM coherence_milestone WHERE reached_at BETWEEN now() - interval '1 hour' AND now())
ON CONFLICT (number) DO UPDATE SET reached_at = excluded.reached_at WHERE milestone.reached_at > now()
"""
NEWEST_EXPIRED = (
    f"SELECT max(number) FROM coherence_milestone WHERE reached_at < now() - interval '{RETENTION_DAYS} days'"  # noqa: S608
)
# Keep the newest entry (it holds the current number). Delete in small batches, because the pruning thread also follows
# the log; oldest first, to leave no gaps; skip if another process is pruning.
PRUNE = f"""
WITH gone AS (DELETE FROM coherence_change WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM coherence_change
    WHERE (SELECT pg_try_advisory_xact_lock(hashtext('coherence'), 1))
    AND number < least((SELECT max(number) FROM coherence_change), greatest(({NEWEST_EXPIRED}),
                       (extract(epoch FROM now() - interval '{RETENTION_DAYS} days') * 1000)::bigint))
    ORDER BY number LIMIT {PRUNED_AT_ONCE})) RETURNING 1)
SELECT count(*) FROM gone
"""  # noqa: S608
DELETE_MILESTONES = f"DELETE FROM coherence_milestone WHERE number < ({NEWEST_EXPIRED})"  # noqa: S608


class Cursor(Protocol):
    """A cursor of psycopg's or Django's."""

    def execute(self, statement: Any, parameters: Any, /) -> object:
        """Run an SQL statement."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows of the statement's result."""


class Position(NamedTuple):
    """A point of the change log: the `number` of a commit in one `history` of the database, an unbroken run of commits.

    Numbers compare within one history alone: a failover or a restored backup that lost commits begins another, and its
    numbers may pass through those of the lost commits again.
    """

    history: str
    number: int


class LogEntry(NamedTuple):
    """A change: the number of its commit and the key of its row."""

    number: int
    key: str

    @property
    def group(self) -> str:
        """The first two parts of the key: `personality:7` of `personality:7:mira`.

        A copy that depends on several rows, such as a list of all that a user owns, is outdated by a change of any row
        of the group.
        """
        return ":".join(self.key.split(":", 2)[:2])


class CopyRef(NamedTuple):
    """A copy that the log is asked about: the number at which it was read, and its key."""

    number: int
    key: str


class News(NamedTuple):
    """What the log tells a reader who knew it up to some number: the changes above that, newest first.

    `history` is the one in which the numbers count. None: another one has begun, and `begin_history` has to name it;
    empty: it has no name, because nobody may write now. `is_contiguous` says whether the number is still in
    the log, `is_complete` whether these are all of the changes.
    """

    history: str | None
    entries: list[LogEntry]
    is_contiguous: bool
    is_complete: bool


def since(cursor: Cursor, known: int, limit: int) -> News:
    """The changes after `known`, at most the newest `limit` of them; with 0, the newest of all."""
    cursor.execute(SINCE, {"known": known, "limit": limit})
    *rows, (_, history) = cursor.fetchall()
    entries = [LogEntry(*row) for row in rows]
    is_contiguous = bool(entries) and entries[-1] == LogEntry(known, "")
    entries = entries[:-1] if is_contiguous else entries
    return News(history, entries, is_contiguous, len(entries) < limit)


def last_changes_of(cursor: Cursor, copies: Collection[CopyRef]) -> tuple[dict[str, int], set[int]]:
    """What the log knows about `copies`.

    First, for each key a number after which it did not change: that of its last change or, if the log has none, of the
    oldest entry, because changes before that are pruned. Second, those of the numbers that the log has.
    """
    cursor.execute(LAST_CHANGES, [[copy.key for copy in copies], [copy.number for copy in copies]])
    rows = cursor.fetchall()
    return {key: change for key, change, *_ in rows}, {number for _, _, number, is_commit in rows if is_commit}


def groups_before(cursor: Cursor, entry: LogEntry, limit: int) -> tuple[LogEntry, dict[str, int], set[int]]:
    """Look at the `limit` entries before `entry`, or at as many as there are. Return the first of them (`entry` itself
    if there are none), the last change of each group among them, and the numbers of their commits.
    """
    cursor.execute(GROUPS_BEFORE, {"number": entry.number, "key": entry.key, "limit": limit})
    rows = cursor.fetchall()
    first = next((LogEntry(number, key) for what, number, key in rows if what == "first"), entry)
    first = first if first.number <= entry.number else entry  # the log may be pruned beyond `entry`
    groups = {key: number for what, number, key in rows if what == "group"}
    return first, groups, {number for what, number, _ in rows if what == "commit"}


def begin_history(cursor: Cursor, missing: Position) -> None:
    """Begin another history, because the database has moved, or its log lacks `missing`, a position that a reader knew.

    Does nothing if somebody else has begun one, nor if `missing` is older than the whole log: then it was pruned while
    the reader slept, and nothing is lost.
    """
    cursor.execute(BEGIN_HISTORY, missing)


class NumberedQuery(Generic[M]):
    """Rows together with the position of the change log at the same moment: one statement, hence one snapshot.

    A position read separately could be that of a change which the rows do not show. The statement is composed once:
    composing it for each lookup would cost several times what PostgreSQL takes to answer.
    """

    def __init__(self, model: str, condition: str, columns: Collection[str] = ()) -> None:
        """`model` is a label as in "auth.User", looked up at the first call. `condition` is SQL with named parameters.
        The instances have `columns`, by default all.
        """
        self.label, self.condition, self.columns = model, condition, columns

    def __call__(self, **parameters: object) -> tuple[Position | None, list[M]]:
        """The position and the rows; the position is None when there is no row to carry it."""
        with connection.cursor() as cursor:
            cursor.execute(self._statement, parameters)  # type: ignore[arg-type]
            rows = cursor.fetchall()
        position = Position(*rows[0][:2]) if rows else None
        return position, [self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[2:]) for row in rows]

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
        table = self._model._meta.db_table
        return f'SELECT {POSITION}, {found} FROM "{table}" WHERE {self.condition}'  # noqa: S608  from constants


def record(keys: Iterable[str] = (EVERYTHING,)) -> None:
    """Record a change of `keys`, by default of everything, though no row changed: earlier copies no longer count."""
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [list(keys)])


def prune(cursor: Cursor) -> bool:
    """Delete some of the changes that are older than RETENTION_DAYS; return whether there may be more of them."""
    cursor.execute(ADD_MILESTONE, None)
    cursor.execute(DELETE_MILESTONES, None)
    cursor.execute(PRUNE, None)
    ((count,),) = cursor.fetchall()
    return bool(count == PRUNED_AT_ONCE)
