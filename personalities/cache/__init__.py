"""Copies of configurations in Django's cache: the one module that reads and writes it.

With Redis away every read is a miss and every write does nothing; django-redis logs what it ignores.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from personalities.cache.keys import Key, config_key, id_key, names_key
from personalities.config import SHAPE, PersonalityConfig

logger = logging.getLogger(__name__)


def get_many(keys: Collection[Key]) -> tuple[dict[Key, PersonalityConfig], set[Key]]:
    """The configurations kept under `keys`, and those keys that are known to have none: one round trip.

    What is corrupt or foreign counts as absent from the cache, and so as neither.
    """
    names = {key: (id_key(key), config_key(key)) for key in keys}
    lists = {owner: names_key(owner) for owner, _ in keys if owner is not None}
    values = cache.get_many([*lists.values(), *(name for pair in names.values() for name in pair)]) or {}
    found = {key: _believe(key, values.get(of_id), values.get(of_config)) for key, (of_id, of_config) in names.items()}
    for key, config in found.items():
        logger.debug("%s %s", "hit" if config else "miss", config_key(key))
    known = {owner: owned for owner, name in lists.items() if isinstance(owned := values.get(name), list)}
    nobodys: set[Key] = {(owner, name) for owner, name in keys if owner in known and name not in known[owner]}
    return {key: config for key, config in found.items() if config}, nobodys


def store(configs: Iterable[PersonalityConfig], names: Mapping[int, Collection[str]]) -> None:
    """Keep copies, and by owner the `names` they have personalities of, for PERSONALITY_CACHE_SECONDS: one round trip.

    The names are what lets a user's read of a global personality do without the database.
    """
    if values := entries(configs) | {names_key(owner): sorted(owned) for owner, owned in names.items()}:
        cache.set_many(values, settings.PERSONALITY_CACHE_SECONDS)
        logger.debug("stored %s", " ".join(values))


def entries(configs: Iterable[PersonalityConfig]) -> dict[str, Any]:
    """What is kept of each: its id and its configuration, by key."""
    values: dict[str, Any] = {}
    for config in configs:
        key = (config.meta.owner, config.personality_name)
        values |= {id_key(key): str(config.id), config_key(key): _with_shape(config)}
    return values


def forget(keys: Iterable[Key]) -> None:
    """Drop the copies kept under `keys`, and what is known of the names of their owners."""
    names = redis_names(keys)
    if names:
        cache.delete_many(names)
        logger.debug("forgot %s", " ".join(names))


def redis_names(keys: Iterable[Key]) -> list[str]:
    """All that is kept about `keys`."""
    keys = set(keys)
    lists = {names_key(owner) for owner, _ in keys if owner is not None}
    return sorted(lists.union(*((id_key(key), config_key(key)) for key in keys)))


def forget_on_commit(keys: Iterable[Key], *, using: str) -> None:
    """Forget once the transaction on database `using` is committed; a rolled-back one forgets nothing."""

    def forget_committed() -> None:  # a named function: Django's report of a failing hook cannot name a partial
        forget(keys)

    # Robust: the row is committed, so a failing cache must not tell the caller otherwise.
    transaction.on_commit(forget_committed, using=using, robust=True)


def _with_shape(config: PersonalityConfig) -> dict[str, Any]:
    plain = config.to_dict()
    plain["meta"]["shape"] = SHAPE
    return plain


def _believe(key: Key, of_id: Any, of_config: Any) -> PersonalityConfig | None:
    """The configuration, if it is one of this release, is served at all, and is the one that belongs under `key`."""
    try:
        if of_config["meta"].pop("shape") != SHAPE:
            return None
        config = PersonalityConfig.from_dict(of_config)
    except (TypeError, KeyError, AttributeError, ValueError):
        return None  # whoever wrote that, it is not ours; the row will overwrite it
    fits = (config.meta.owner, config.personality_name) == key and of_id == str(config.id)
    return config if fits and config.is_active else None
