"""The cache of configurations: their keys and form in Redis, how rows are read, and how much memory a copy takes."""

import re
import sys
from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from coherence.cache import CoherentCache
from coherence.change_log import NumberedQuery, Position
from coherence.codec import ID_PATTERN, Codec, id_from
from coherence.redis_copies import RedisCopies
from personalities.config import PersonalityConfig
from personalities.names import NAME_PATTERN
from personalities.owned_names import owned_names_in_redis
from resilience.transactions import after_commit

Key = tuple[int | None, str]  # the owner's id, None for a global personality; the canonical name
LOG_KEY_SQL = "'personality:' || coalesce({row}.owner_id::text, 'global') || ':' || {row}.personality_name"


class PersonalityCodec(Codec[Key, PersonalityConfig]):
    """`personality:{owner or global}:{name}:config`, which lookups read, and `…:id`, for people and other programs."""

    _redis_name = re.compile(rf"personality:(global|{ID_PATTERN}):({NAME_PATTERN.pattern}):(?:id|config)")

    def log_key(self, key: Key) -> str:
        """The key of the row in the change log, which LOG_KEY_SQL spells in SQL."""
        owner, name = key
        return f"personality:{'global' if owner is None else owner}:{name}"

    def redis_key(self, key: Key) -> str:
        """The Redis key of the configuration."""
        return f"{self.log_key(key)}:config"

    def redis_keys(self, key: Key) -> tuple[str, ...]:
        """The Redis keys of the id and of the configuration."""
        return f"{self.log_key(key)}:id", self.redis_key(key)

    def key_from_redis(self, redis_key: str) -> Key | None:
        """The key that is stored as `redis_key` in Redis, or None if it does not belong to a personality."""
        match = self._redis_name.fullmatch(redis_key)
        if match is None:
            return None
        if match[1] == "global":
            return None, match[2]
        owner = id_from(match[1])
        return None if owner is None else (owner, match[2])

    def encode(self, key: Key, position: Position, value: PersonalityConfig) -> dict[str, object]:
        """The id, a JSON string, and the configuration, by Redis key."""
        return {f"{self.log_key(key)}:id": str(value.id), self.redis_key(key): self._plain(position, value, {})}

    def decode(self, key: Key, stored: object) -> tuple[Position, PersonalityConfig] | None:
        """The position and the configuration, if the copy is of this release, active, and of `key`; else None."""
        copy = self._typed(stored, {})
        if copy is None or not copy[1].is_active:
            return None
        return copy if (copy[1].meta.owner, copy[1].personality_name) == key else None

    def inspect(self, key: Key, values: Mapping[str, object]) -> tuple[Position, PersonalityConfig | None] | None:
        """The position and the configuration of a valid copy; None if it is damaged, or `…:id` is not its id.

        For a copy that another release has written, it is the position without a value.
        """
        (owner, name), stored = key, values.get(self.redis_key(key))
        told = {"id": values.get(f"{self.log_key(key)}:id"), "personality_name": name}
        if not isinstance(stored, dict) or not told.items() <= stored.items():
            return None
        position = self._of_another_release(stored, {"owner": owner})
        return (position, None) if position else self.decode(key, stored)


def owners_of(keys: Collection[Key]) -> set[int]:
    """The ids of the owners in `keys`."""
    return {owner for owner, _ in keys if owner is not None}


class Row(Protocol):
    """The part of a Personality that is read here."""

    stored_key: Key | None

    @property
    def key(self) -> Key:
        """The owner's id, None for a global personality, and the canonical name."""

    def to_config(self) -> PersonalityConfig:
        """The configuration of the row."""


_query: NumberedQuery[Row] = NumberedQuery(
    "personalities.Personality",
    "is_active AND personality_name = ANY(%(names)s) AND (owner_id IS NULL OR owner_id = ANY(%(owners)s))",
)


def load(keys: Collection[Key]) -> tuple[Position | None, dict[Key, PersonalityConfig]]:
    """The active personalities of `keys` from the database, and the position of the change log, in one statement."""
    position, rows = _query(names=list({name for _, name in keys}), owners=list(owners_of(keys)))
    return position, {row.key: row.to_config() for row in rows if row.key in keys}


class PersonalityCache(CoherentCache[Key, PersonalityConfig]):
    """Copies of configurations. A change to a personality may also change its owner's list of names: one line of the
    change log outdates both.
    """

    def forget_on_commit(self, keys: Collection[Key], *, using: str = DEFAULT_DB_ALIAS) -> None:
        """After the commit, catch up with the change log; drop copies of `keys` and their owners' lists from Redis."""
        super().forget_on_commit(keys, using=using)
        after_commit(owned_names_in_redis.delete, owners_of(keys), using=using)


EXPECTED_COPY_BYTES = 16 * 1024  # the expected size of a copy in memory; of larger ones, fewer are kept
LEAST_BYTES = 4 * 1024  # the size of a copy without texts, with what is computed from it: prompts, responses
COPIES_PER_TEXT = 9  # of each: in the configuration, its JSON, prompts (whole and in parts) and responses


def bytes_in_memory(config: PersonalityConfig) -> int:
    """About how many bytes a copy takes once everything that is kept with it has been computed."""
    texts = (config.display_name, config.greeting, *msgspec.structs.astuple(config.custom))
    return LEAST_BYTES + COPIES_PER_TEXT * sum(map(sys.getsizeof, filter(None, texts)))


codec = PersonalityCodec("personality", PersonalityConfig)
configs_in_redis = RedisCopies(codec, ttl=settings.COPY_TTL_SECONDS)
config_cache = PersonalityCache(
    "personality",
    load,
    codec.log_key,
    shared=configs_in_redis,
    weigh=bytes_in_memory,
    max_weight=EXPECTED_COPY_BYTES * settings.LOCAL_CACHE_ENTRIES,
    capacity=settings.LOCAL_CACHE_ENTRIES,
    stale_if_error_seconds=settings.COPY_STALE_IF_ERROR_SECONDS,
)


def pop_changed_keys(row: Row) -> set[Key]:
    """The keys that saving or deleting `row` outdates: its own and, after a rename, the previous one.

    Sets `stored_key` to its own, so that the next rename is noticed.
    """
    keys = {row.key, row.stored_key or row.key}
    row.stored_key = row.key
    return keys
