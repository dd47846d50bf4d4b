"""The cache of configurations: their keys, their form in Redis, and lookups in this process's memory."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Protocol

from django.conf import settings

from coherence.cache import CoherentCache, memory_may_answer
from coherence.codec import Codec
from coherence.local_cache import Copy
from coherence.log import NumberedQuery, Position
from coherence.redis_copies import RedisCopies
from personalities.config import PersonalityConfig
from personalities.names import NAME_PATTERN, InvalidName, canonical

Key = tuple[int | None, str]  # the owner's id, None for a global personality; the canonical name
TRIGGER_KEY = "'personality:' || coalesce({row}.owner_id::text, 'global') || ':' || {row}.personality_name"


class PersonalityCodec(Codec[Key, PersonalityConfig]):
    """`personality:{owner or global}:{name}:config`, which lookups read, and `…:id`, for people and other programs."""

    _name = re.compile(rf"personality:(global|[0-9]{{1,19}}):({NAME_PATTERN.pattern}):(?:id|config)")

    def log_key(self, key: Key) -> str:
        """As TRIGGER_KEY spells it in SQL."""
        owner, name = key
        return f"personality:{'global' if owner is None else owner}:{name}"

    def name(self, key: Key) -> str:
        """The Redis key of the configuration."""
        return f"{self.log_key(key)}:config"

    def names(self, key: Key) -> tuple[str, ...]:
        """The Redis keys of the id and of the configuration."""
        return f"{self.log_key(key)}:id", self.name(key)

    def key(self, name: str) -> Key | None:
        """The key that is stored as the Redis key `name`, or None if it is no personality's."""
        match = self._name.fullmatch(name)
        return (None if match[1] == "global" else int(match[1]), match[2]) if match else None

    def encode(self, key: Key, position: Position, value: PersonalityConfig) -> dict[str, object]:
        """The id, a JSON string, and the configuration, by Redis key."""
        return {f"{self.log_key(key)}:id": str(value.id), self.name(key): self._plain(position, value, {})}

    def decode(self, key: Key, stored: object) -> tuple[Position, PersonalityConfig] | None:
        """The position and the configuration, if it is of this release, active, and the one of `key`; else None."""
        copy = self._typed(stored, {})
        if copy is None or not copy[1].is_active:
            return None
        return copy if (copy[1].meta.owner, copy[1].personality_name) == key else None

    def inspect(self, key: Key, values: Mapping[str, object]) -> tuple[Position, PersonalityConfig] | None:
        """As `decode`; None as well when `…:id` is not the id of the configuration."""
        copy = self.decode(key, values.get(self.name(key)))
        return copy if copy and values.get(f"{self.log_key(key)}:id") == str(copy[1].id) else None


class Row(Protocol):
    """What is read of a Personality."""

    stored_key: Key | None

    @property
    def key(self) -> Key:
        """Whose it is, and its name."""

    def to_config(self) -> PersonalityConfig:
        """The configuration of the row."""


_query: NumberedQuery[Row] = NumberedQuery(
    "personalities.Personality",
    "is_active AND personality_name = ANY(%(names)s) AND (owner_id IS NULL OR owner_id = ANY(%(owners)s))",
)


def load(keys: Collection[Key]) -> tuple[Position | None, dict[Key, PersonalityConfig]]:
    """The active personalities of `keys` from the database, and the position of the change log, in one statement."""
    owners = {owner for owner, _ in keys if owner is not None}
    position, rows = _query(names=list({name for _, name in keys}), owners=list(owners))
    return position, {row.key: row.to_config() for row in rows if row.key in keys}


codec = PersonalityCodec("personality", PersonalityConfig)
redis_copies = RedisCopies(codec, ttl=settings.COPY_TTL_SECONDS)
configs = CoherentCache(
    "personality",
    load,
    codec.log_key,
    shared=redis_copies,
    capacity=settings.LOCAL_CACHE_ENTRIES,
    stale_seconds=settings.COPY_STALE_IF_ERROR_SECONDS,
)

# The owner's copy and the one that answers (the global one where the owner has none), by the name as it was given: a
# lookup of a name that was seen before needs neither its canonical spelling nor the keys.
Pair = tuple[Copy[Key, PersonalityConfig], Copy[Key, PersonalityConfig]]
_pairs: dict[tuple[str, int | None], Pair] = {}


def config_from_memory(name: str, owner: int | None) -> PersonalityConfig | None:
    """The configuration that answers a lookup without asking anybody, counted as a read: the owner's, else the global.

    None when PostgreSQL or Redis must be asked, and when it is known that there is no such personality.
    """
    return current_config(name, owner) if memory_may_answer() else None


def current_config(name: str, owner: int | None) -> PersonalityConfig | None:
    """As `config_from_memory`, for a caller that has checked `coherence.cache.memory_may_answer`."""
    pair = _pairs.get((name, owner))
    if pair is None or not (configs.is_current(pair[0]) and configs.is_current(pair[1])):
        pair = _find_pair(name, owner)
        if pair is None:
            return None
    own, served = pair
    own.used = True
    return served.read()


_canonical = lru_cache(maxsize=1000)(canonical)  # the same names are asked for again and again


def _find_pair(name: str, owner: int | None) -> Pair | None:
    try:
        spelling = _canonical(name)
    except InvalidName:
        return None
    own = configs.current_copy((owner, spelling))
    served = configs.current_copy((None, spelling)) if own is not None and own.value is None else own
    if own is None or served is None or served.value is None:
        return None
    if len(_pairs) >= configs.capacity:
        _pairs.clear()
    _pairs[name, owner] = own, served
    return own, served


def take_changed_keys(row: Row) -> set[Key]:
    """The keys that a save or deletion outdates, after a rename the old one too; remembers the new one in the row."""
    keys = {row.key, row.stored_key or row.key}
    row.stored_key = row.key
    return keys
