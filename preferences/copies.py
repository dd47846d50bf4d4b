"""The coherent copies of wishes: near, in Redis, and where both come from."""

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction

from coherence import log
from coherence.cache import CoherentCache
from coherence.hooks import catch_up_on_commit
from coherence.log import NumberedQuery
from personalities.prompt import Wishes
from preferences.cache import RedisCopies, key_of
from preferences.cache import forget as forget_in_redis

if TYPE_CHECKING:
    from preferences.models import Preferences


@cache
def _query() -> "NumberedQuery[Preferences]":
    """Made at the first lookup, when the models are there."""
    return NumberedQuery(apps.get_model("preferences", "Preferences"), "user_id = ANY(%(users)s)")


def load(users: Collection[int]) -> tuple[int | None, dict[int, Wishes]]:
    number, rows = _query()(users=list(users))
    return number, {row.user_id: row.to_wishes() for row in rows}


copies = CoherentCache(
    "preferences",
    load,
    key_of,
    shared=RedisCopies(),
    capacity=10_000,
    stale_seconds=settings.PERSONALITY_STALE_IF_ERROR_SECONDS,  # they are of no use without a personality
)


def forget(users: Collection[int] | None = None) -> None:
    """From now on no process believes any copy of these users' wishes from before, wherever it lies; with None no copy
    of anything, for the log knows one user or everything. Works without Redis.
    """
    log.note() if users is None else log.note(map(key_of, users))
    catch_up_on_commit(DEFAULT_DB_ALIAS)


def forget_on_commit(user: int, *, using: str) -> None:
    """No truth rests on it: it lets this process see its own commit at once, and people an empty place in Redis."""
    catch_up_on_commit(using)

    def forget_committed() -> None:  # a named function: Django's report of a failing hook cannot name a partial
        forget_in_redis(user)

    transaction.on_commit(forget_committed, using=using, robust=True)
