"""Copies of configurations in Django's cache: the one module that reads and writes it.

With Redis away every read is a miss and every write does nothing; django-redis logs what it ignores.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from personalities.cache.keys import Key, config_key, id_key
from personalities.config import SHAPE, PersonalityConfig

logger = logging.getLogger(__name__)


def get_many(keys: Collection[Key]) -> dict[Key, PersonalityConfig]:
    """The configurations kept under `keys`, in one round trip. What is absent, corrupt or foreign is left out."""
    names = {key: (id_key(key), config_key(key)) for key in keys}
    values = cache.get_many([name for pair in names.values() for name in pair]) or {}
    found = {key: _believe(values.get(of_id), values.get(of_config)) for key, (of_id, of_config) in names.items()}
    for key, config in found.items():
        logger.debug("%s %s", "hit" if config else "miss", config_key(key))
    return {key: config for key, config in found.items() if config}


def store(configs: Iterable[PersonalityConfig]) -> None:
    """Keep copies for PERSONALITY_CACHE_SECONDS, in one round trip."""
    if values := entries(configs):
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
    """Drop the copies kept under `keys`."""
    names = [name for key in keys for name in (id_key(key), config_key(key))]
    if names:
        cache.delete_many(names)
        logger.debug("forgot %s", " ".join(names))


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


def _believe(of_id: Any, of_config: Any) -> PersonalityConfig | None:
    """The configuration, if the value is one of this release and the id kept beside it is its own."""
    try:
        if of_config["meta"].pop("shape") != SHAPE:
            return None
        config = PersonalityConfig.from_dict(of_config)
    except (TypeError, KeyError, AttributeError, ValueError):
        return None  # whoever wrote that, it is not ours; the row will overwrite it
    return config if of_id == str(config.id) else None
