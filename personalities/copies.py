"""The coherent copies of configurations: near, in Redis, and where both come from."""

from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction

from coherence import log
from coherence.cache import CoherentCache, may_answer
from coherence.hooks import catch_up_on_commit
from coherence.log import NumberedQuery
from coherence.near import Copy
from personalities.cache import RedisCopies
from personalities.cache import forget as forget_in_redis
from personalities.cache.keys import Key, stem
from personalities.config import PersonalityConfig
from personalities.names import InvalidName, canonical

if TYPE_CHECKING:
    from personalities.models import Personality


@cache
def _query() -> "NumberedQuery[Personality]":
    """Made at the first lookup, when the models are there."""
    return NumberedQuery(
        apps.get_model("personalities", "Personality"),
        "is_active AND personality_name = ANY(%(names)s) AND (owner_id IS NULL OR owner_id = ANY(%(owners)s))",
    )


def load(keys: Collection[Key]) -> tuple[int | None, dict[Key, PersonalityConfig]]:
    """The active ones of `keys` straight from the database, and the number of the change log, in one statement."""
    owners = {owner for owner, _ in keys if owner is not None}
    number, rows = _query()(names=list({name for _, name in keys}), owners=list(owners))
    return number, {row.key: row.to_config() for row in rows if row.key in keys}


copies = CoherentCache(
    "personality",
    load,
    stem,
    shared=RedisCopies(),
    capacity=settings.PERSONALITY_NEAR_ENTRIES,
    stale_seconds=settings.PERSONALITY_STALE_IF_ERROR_SECONDS,
)


def hit(name: str, owner: int | None) -> PersonalityConfig | None:
    """What answers a lookup without asking anybody: the owner's own, else everybody's. It counts as read.

    None when more must be done, and where there is nothing of that name.
    """
    return near(name, owner) if may_answer() else None


def near(name: str, owner: int | None) -> PersonalityConfig | None:
    """The same, for who knows that copies `may_answer`."""
    pair = _given.get((name, owner))
    if pair is None or not (copies.is_true(pair[0]) and copies.is_true(pair[1])):
        pair = _pair(name, owner)
        if pair is None:
            return None
    own, served = pair
    own.used = served.used = True
    served.reads += 1
    return served.value


# The owner's own copy and the one that answers (everybody's where the owner has none) by the name as it was given,
# which saves nearly every lookup the way to its keys.
Pair = tuple[Copy[Key, PersonalityConfig], Copy[Key, PersonalityConfig]]
_given: dict[tuple[str, int | None], Pair] = {}

_spelling = lru_cache(maxsize=1000)(canonical)  # names come again and again


def _pair(name: str, owner: int | None) -> Pair | None:
    try:
        spelling = _spelling(name)
    except InvalidName:
        return None
    own = copies.near((owner, spelling))
    served = copies.near((None, spelling)) if own is not None and own.value is None else own
    if own is None or served is None or served.value is None:
        return None
    _remember((name, owner), (own, served))
    return own, served


def _remember(given: tuple[str, int | None], pair: Pair) -> None:
    if len(_given) >= copies.capacity:
        _given.clear()
    _given[given] = pair


def forget_everything() -> None:
    """From now on no process believes any copy from before, wherever it lies. Works without Redis."""
    log.note()
    catch_up_on_commit(DEFAULT_DB_ALIAS)


def forget(keys: Collection[Key]) -> None:
    """The same of `keys` alone."""
    log.note(map(stem, keys))
    catch_up_on_commit(DEFAULT_DB_ALIAS)


def keys_of(names: Collection[str]) -> set[Key]:
    """All that goes by one of `names`: everybody's, whether it exists or not, and each owner's."""
    model: type[Personality] = apps.get_model("personalities", "Personality")
    rows = model._base_manager.filter(personality_name__in=names)
    return {(None, name) for name in names} | set(rows.values_list("owner_id", "personality_name"))


def forget_on_commit(keys: Iterable[Key], *, using: str) -> None:
    """Once the transaction on database `using` is committed, drop the copies in Redis and take the change to heart.

    No truth rests on it: it lets this process see its own commit at once, and people an empty place in Redis.
    """
    catch_up_on_commit(using)

    def forget_committed() -> None:  # a named function: Django's report of a failing hook cannot name a partial
        forget_in_redis(keys)

    # Robust: the row is committed, so a failing cache must not tell the caller otherwise.
    transaction.on_commit(forget_committed, using=using, robust=True)
