"""The only way to remove versions from the history. What is removed is recorded in Pruning."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

MAX_REMOVED = 1000  # versions per transaction
BATCH = 100  # personalities per query
NEXT = "SELECT DISTINCT personality_id FROM personalities_version WHERE personality_id > %s ORDER BY 1 LIMIT %s"
FIRST = UUID(int=0)
# A version is superseded by the one after it; the one that records a deletion, by the deletion itself.
CHOSEN = """
SELECT id FROM (
    SELECT *, row_number() OVER newest AS place,
           CASE event WHEN 'deleted' THEN created_at ELSE lag(created_at) OVER newest END AS superseded_at
    FROM personalities_version WHERE personality_id = ANY(%(personalities)s)
    WINDOW newest AS (PARTITION BY personality_id ORDER BY id DESC)
) AS version
WHERE place > %(keep)s AND superseded_at <= clock_timestamp() - %(age)s
    AND NOT (%(deleted)s AND EXISTS (SELECT FROM personalities_personality WHERE id = version.personality_id))
    AND NOT (%(erased)s AND (state ->> 'owner_id' IS NULL
                             OR EXISTS (SELECT FROM auth_user WHERE id = (state ->> 'owner_id')::bigint)))
ORDER BY id
"""
PRUNE = "SELECT * FROM personalities_prune_history(%s::bigint[], %s)"


class Choice(NamedTuple):
    """Which versions to remove: those that meet every condition.

    They were superseded at least `age` ago, and each personality keeps its newest `keep`; with `deleted` only those of
    deleted personalities, with `erased` only those written under an owner who is no longer a user.
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
    """Remove the versions chosen, in transactions of up to MAX_REMOVED, which `dry_run` rolls back.

    The current version of each personality always stays, and so do those to which conversations are pinned: a trigger
    keeps these (conversations/migrations/0003), so that they stay even where COMPANION_APPS leaves that app out.
    """
    for personalities in _personalities():
        ids = _chosen(choice, personalities)
        for start in range(0, len(ids), MAX_REMOVED):
            yield from _remove(ids[start : start + MAX_REMOVED], reason, dry_run)


def _personalities() -> Iterator[list[UUID]]:
    last = FIRST
    while rows := _rows(NEXT, [last, BATCH]):
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
