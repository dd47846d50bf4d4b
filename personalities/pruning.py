"""Removes versions from the history: the one way to do so. What is removed is written down."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

AT_ONCE = 1000  # versions that one transaction removes
TOGETHER = 100  # personalities that are looked through at once
NEXT = "SELECT DISTINCT personality_id FROM personalities_version WHERE personality_id > %s ORDER BY 1 LIMIT %s"
FIRST = UUID(int=0)
# A version is over since the one after it; the one that says that the personality was deleted, since then.
CHOSEN = """
SELECT id FROM (
    SELECT *, row_number() OVER newest AS place,
           CASE event WHEN 'deleted' THEN created_at ELSE lag(created_at) OVER newest END AS over_since
    FROM personalities_version WHERE personality_id = ANY(%(personalities)s)
    WINDOW newest AS (PARTITION BY personality_id ORDER BY id DESC)
) AS version
WHERE place > %(keep)s AND over_since <= clock_timestamp() - %(age)s
    AND NOT (%(deleted)s AND EXISTS (SELECT FROM personalities_personality WHERE id = version.personality_id))
    AND NOT (%(erased)s AND (state ->> 'owner_id' IS NULL
                             OR EXISTS (SELECT FROM auth_user WHERE id = (state ->> 'owner_id')::bigint)))
ORDER BY id
"""
PRUNE = "SELECT * FROM personalities_prune_history(%s::bigint[], %s)"


class Choice(NamedTuple):
    """Which versions are to go: those to which all of this applies.

    They have been over for `age`; each personality keeps its newest `keep`; with `deleted` only those of personalities
    that are deleted, with `erased` only those written while somebody owned it who is no longer a user.
    """

    age: timedelta
    keep: int = 0
    deleted: bool = False
    erased: bool = False


class Receipt(NamedTuple):
    """What was removed of one personality: how many versions, and their lowest and highest number."""

    personality: UUID
    first: int
    last: int
    versions: int


def prune(choice: Choice, reason: str, *, dry_run: bool = False) -> Iterator[Receipt]:
    """Removes the versions chosen, some at a time, each time in a transaction of its own; `dry_run` undoes it.

    What stays in any case is the current version of each personality, and those to which conversations are pinned.
    """
    for personalities in _personalities():
        ids = _chosen(choice, personalities)
        for start in range(0, len(ids), AT_ONCE):
            yield from _remove(ids[start : start + AT_ONCE], reason, dry_run)


def _personalities() -> Iterator[list[UUID]]:
    last = FIRST
    while rows := _rows(NEXT, [last, TOGETHER]):
        yield [id for (id,) in rows]
        last = rows[-1][0]


def _chosen(choice: Choice, personalities: list[UUID]) -> list[int]:
    return [id for (id,) in _rows(CHOSEN, {**choice._asdict(), "personalities": personalities})]


@transaction.atomic
def _remove(ids: list[int], reason: str, dry_run: bool) -> list[Receipt]:
    receipts = [Receipt(*row) for row in _rows(PRUNE, [ids, reason])]
    transaction.set_rollback(dry_run)
    return receipts


def _rows(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
