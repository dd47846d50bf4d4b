"""The coherent copies of configurations: near, in Redis, and where both come from."""

from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction

from coherence import log
from coherence.cache import CoherentCache
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
    try:
        copy = _given.get(name) if owner is None else None
        if copy is None or not copies.holds(copy):
            copy = _hit(name, owner)
    except InvalidName:
        return None
    if copy is None or copy.value is None:
        return None
    copy.reads += 1
    copy.used = True
    return copy.value


# Everybody's copies by the name as it was given, which saves nearly every lookup the way to its key.
_given: dict[str, Copy[Key, PersonalityConfig]] = {}


_spelling = lru_cache(maxsize=1000)(canonical)  # names come again and again


def _hit(name: str, owner: int | None) -> Copy[Key, PersonalityConfig] | None:
    spelling = _spelling(name)
    copy = copies.hit((owner, spelling))
    if owner is not None:
        return copies.hit((None, spelling)) if copy is not None and copy.value is None else copy
    if copy is not None and copy.value is not None:
        _remember(name, copy)
    return copy


def _remember(name: str, copy: Copy[Key, PersonalityConfig]) -> None:
    if len(_given) >= copies.capacity:
        _given.clear()
    _given[name] = copy


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
