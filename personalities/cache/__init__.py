"""Copies of configurations in Django's cache: the one module that reads and writes it.

With Redis away every read is a miss and every write does nothing.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.cache import cache

from coherence.shared import Shared
from personalities.cache.keys import Key, config_key, id_key
from personalities.config import SHAPE, PersonalityConfig
from resilience.redis_pool import is_away

logger = logging.getLogger(__name__)


class RedisCopies(Shared[Key, PersonalityConfig]):
    """Each under two keys, `:id` and `:config`. Beside a configuration stand the number of the change log at which it
    was read and the shape of this release. Lookups read `:config` alone, which has the id; `:id` is for people.
    """

    def get_many(self, keys: Collection[Key]) -> dict[Key, tuple[int, PersonalityConfig]]:
        """In one round trip. What is corrupt or foreign counts as absent."""
        if is_away():
            return {}
        names = {config_key(key): key for key in keys}
        found: dict[Key, tuple[int, PersonalityConfig]] = {}
        for name, value in _values(names).items():
            copy = believe(names[name], value)
            logger.debug("%s %s", "hit" if copy else "miss", name)
            if copy:
                found[names[name]] = copy
        return found

    def store(self, number: int, values: Mapping[Key, PersonalityConfig]) -> None:
        """For PERSONALITY_CACHE_SECONDS, in one round trip."""
        if is_away():
            return
        copies = entries(number, values.values())
        cache.set_many(copies, settings.PERSONALITY_CACHE_SECONDS)
        logger.debug("stored %s", " ".join(copies))


def entries(number: int, configs: Iterable[PersonalityConfig]) -> dict[str, Any]:
    """What is kept of each: its id and its configuration, by key."""
    values: dict[str, Any] = {}
    for config in configs:
        key = (config.meta.owner, config.personality_name)
        values |= {id_key(key): str(config.id), config_key(key): _with_number_and_shape(number, config)}
    return values


def forget(keys: Iterable[Key]) -> None:
    """Drop the copies kept under `keys`."""
    names = redis_names(keys)
    if names and not is_away():
        cache.delete_many(names)
        logger.debug("forgot %s", " ".join(names))


def redis_names(keys: Iterable[Key]) -> list[str]:
    """All that is kept about `keys`."""
    return sorted({name for key in keys for name in (id_key(key), config_key(key))})


def _values(names: Collection[str]) -> dict[str, Any]:
    """What is kept under each, or None. Of one name GET, which is cheaper than MGET in django-redis."""
    if len(names) == 1:
        return {name: cache.get(name) for name in names}
    return dict.fromkeys(names) | (cache.get_many(names) or {})


def believe(key: Key, value: Any) -> tuple[int, PersonalityConfig] | None:
    """The number and the configuration, if it is one of this release, is served at all, and belongs under `key`."""
    try:
        meta = value["meta"]
        number, shape = meta.pop("number"), meta.pop("shape")
        config = PersonalityConfig.from_dict(value)
    except (TypeError, KeyError, AttributeError, ValueError):
        return None  # whoever wrote that, it is not ours; the row will overwrite it
    fits = (config.meta.owner, config.personality_name) == key
    return (number, config) if fits and config.is_active and shape == SHAPE and type(number) is int else None


def _with_number_and_shape(number: int, config: PersonalityConfig) -> dict[str, Any]:
    plain = config.to_dict()
    plain["meta"] |= {"number": number, "shape": SHAPE}
    return plain
