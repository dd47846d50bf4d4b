"""The cache of configurations: their keys and form in Redis, and lookups, the owner's own before the global one."""

import re
import sys
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from coherence.cache import SOURCES, Answer, CoherentCache, memory_may_answer
from coherence.change_log import NumberedQuery, Position
from coherence.codec import Codec
from coherence.feed import feed
from coherence.local_cache import Copy
from coherence.redis_copies import RedisCopies
from coherence.transactions import after_commit
from personalities.config import PersonalityConfig
from personalities.names import NAME_PATTERN, InvalidName, canonical
from personalities.owned_names import BOUNDS, OWNER, OwnedNames, owned_names, owned_names_in_redis

Key = tuple[int | None, str]  # the owner's id, None for a global personality; the canonical name
LOG_KEY_SQL = "'personality:' || coalesce({row}.owner_id::text, 'global') || ':' || {row}.personality_name"


class PersonalityCodec(Codec[Key, PersonalityConfig]):
    """`personality:{owner or global}:{name}:config`, which lookups read, and `…:id`, for people and other programs."""

    _name = re.compile(rf"personality:(global|{OWNER}):({NAME_PATTERN.pattern}):(?:id|config)")

    def log_key(self, key: Key) -> str:
        """As LOG_KEY_SQL spells it in SQL."""
        owner, name = key
        return f"personality:{'global' if owner is None else owner}:{name}"

    def redis_key(self, key: Key) -> str:
        """The Redis key of the configuration."""
        return f"{self.log_key(key)}:config"

    def redis_keys(self, key: Key) -> tuple[str, ...]:
        """The Redis keys of the id and of the configuration."""
        return f"{self.log_key(key)}:id", self.redis_key(key)

    def key_from_redis(self, redis_key: str) -> Key | None:
        """The key that is stored as `redis_key` in Redis, or None if it is no personality's."""
        match = self._name.fullmatch(redis_key)
        return (None if match[1] == "global" else int(match[1]), match[2]) if match else None

    def encode(self, key: Key, position: Position, value: PersonalityConfig) -> dict[str, object]:
        """The id, a JSON string, and the configuration, by Redis key."""
        return {f"{self.log_key(key)}:id": str(value.id), self.redis_key(key): self._plain(position, value, {})}

    def decode(self, key: Key, stored: object) -> tuple[Position, PersonalityConfig] | None:
        """The position and the configuration, if it is of this release, active, and the one of `key`; else None."""
        copy = self._typed(stored, {})
        if copy is None or not copy[1].is_active:
            return None
        return copy if (copy[1].meta.owner, copy[1].personality_name) == key else None

    def inspect(self, key: Key, values: Mapping[str, object]) -> tuple[Position, PersonalityConfig | None] | None:
        """As `decode`; None as well when `…:id` is not the id of the configuration.

        A copy of another release has no value.
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
    """Copies of configurations. If a personality changes, so may its owner's list of names: the same line of the change
    log outdates both.
    """

    def drop_on_commit(self, keys: Collection[Key], *, using: str = DEFAULT_DB_ALIAS) -> None:
        """As for any copies; also drops from Redis the lists of names of the owners in `keys`."""
        super().drop_on_commit(keys, using=using)
        after_commit(owned_names_in_redis.delete, owners_of(keys), using=using)


EXPECTED_COPY_BYTES = 16 * 1024  # of a copy in memory: where texts are longer, fewer copies are kept
LEAST_BYTES = 4 * 1024  # of a copy without texts, including what is computed from it: prompts, responses with headers
COPIES_PER_TEXT = 9  # in the configuration, in its JSON, in prompts, whole and in parts, and in responses


def bytes_in_memory(config: PersonalityConfig) -> int:
    """About how many bytes a copy takes once everything that is kept with it has been computed."""
    custom = config.custom
    texts = (config.display_name, config.greeting, custom.backstory, custom.custom_instructions, custom.speaking_style)
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
    **BOUNDS,
)

# How names were resolved, by their spelling as given: looking up a name again needs neither its canonical spelling nor
# its keys. `deciding_copy`, of `deciding_cache`, tells whose personality answers, the owner's or the global one: it is
# the copy under the owner's key, which may say that there is none, or else the list of the owner's names.
# `answering_copy` is the copy of the personality that answers.
# They are plain tuples, always unpacked under these names: Python takes a fifth longer to unpack a named tuple.
Decision = tuple[CoherentCache[Any, Any], Copy[Any, Any]]  # deciding_cache, deciding_copy
Resolution = tuple[CoherentCache[Any, Any], Copy[Any, Any], Copy[Key, PersonalityConfig]]  # and answering_copy


class Resolutions(dict[tuple[str, int | None], Resolution]):
    """Resolutions by name, as it was given, and owner."""

    retired_weight = 0  # of all copies that memory had dropped by the time the resolutions were last forgotten

    def remember(self, name: str, owner: int | None, resolution: Resolution) -> Resolution:
        """Keep `resolution`. If there are too many, or memory has dropped copies of too much weight since, forget all
        others first: they may keep dropped copies alive.
        """
        retired = config_cache.positive.evicted_weight_total
        if len(self) >= config_cache.capacity or abs(retired - self.retired_weight) > config_cache.max_weight // 8:
            self.clear()
            self.retired_weight = retired
        self[name, owner] = resolution
        return resolution


_resolutions = Resolutions()


def config_from_memory(name: str, owner: int | None) -> PersonalityConfig | None:
    """The configuration that answers a lookup without asking anybody, counted as a read: the owner's, else the global.

    None when PostgreSQL or Redis must be asked, and when it is known that there is no such personality.
    """
    return current_config(name, owner) if memory_may_answer() else None


def current_config(name: str, owner: int | None) -> PersonalityConfig | None:
    """As `config_from_memory`, for a caller that has checked `coherence.cache.memory_may_answer`."""
    resolution = _resolutions.get((name, owner))
    if resolution is not None:
        deciding_cache, deciding_copy, answering_copy = resolution
        # Nearly always both were found current in this very view of the feed: compared here, without a call.
        if deciding_copy.view_number == answering_copy.view_number == feed.view_number or (
            deciding_cache.is_current(deciding_copy) and config_cache.is_current(answering_copy)
        ):
            deciding_copy.used = True
            return answering_copy.read()
    resolution = _resolve(name, owner)
    if resolution is None:
        return None
    _, _, answering_copy = resolution
    return answering_copy.read()


_canonical = lru_cache(maxsize=1000)(canonical)  # the same names are asked for again and again


def _resolve(name: str, owner: int | None) -> Resolution | None:
    """Resolve from the copies in memory, whatever was resolved before."""
    try:
        spelling = _canonical(name)
    except InvalidName:
        return None
    own = config_cache.current_copy((owner, spelling))
    if own is not None and own.value is not None:
        return _resolutions.remember(name, owner, (config_cache, own, own))
    decision = (config_cache, own) if own is not None else _entry_ruling_out(spelling, owner)
    answering_copy = config_cache.current_copy((None, spelling)) if decision else None
    if decision is None or answering_copy is None or answering_copy.value is None:
        return None
    return _resolutions.remember(name, owner, (*decision, answering_copy))


def _entry_ruling_out(name: str, owner: int | None) -> Decision | None:
    """The list of the owner's names, if memory has a current one and it rules out that `name` is among them."""
    entry = owned_names.current_copy(owner) if owner is not None else None
    if entry is None or entry.value is None or entry.value.may_include(name):
        return None
    return owned_names, entry


# ── Not from memory alone ─────────────────────────────────────────────────────────────────────────────────────────────

OWNS_NOTHING: Answer[OwnedNames] = Answer(OwnedNames(()), "near")
MAY_OWN_ANYTHING: Answer[OwnedNames] = Answer(OwnedNames(None), "near")


def look_up(names: Collection[str], owner: int | None) -> dict[str, Answer[PersonalityConfig]]:
    """An answer for each of the canonical `names`: the owner's own, else the global one. Not counted.

    Raises OperationalError when PostgreSQL is needed and out of reach. Only copies that decide an answer are fetched.
    """
    entry = _entry(names, owner)
    keys: dict[str, Key] = {name: (owner if _may_own(entry, name) else None, name) for name in names}
    found = config_cache.get_many(set(keys.values()))
    # Names are not listed for an owner who has very many, and a personality that is listed may have gone since.
    absent = {(None, name) for (_, name), answer in found.items() if answer.value is None}
    found |= config_cache.get_many(absent - found.keys())
    answers = {name: _with_provenance(entry, found[key]) for name, key in keys.items()}
    return {
        name: answer if answer.value else _with_provenance(answer, found[None, name])
        for name, answer in answers.items()
    }


def _entry(names: Collection[str], owner: int | None) -> Answer[OwnedNames]:
    """Which names `owner` has. Not fetched if memory has a personality of theirs for each of `names`: then all are
    looked up as theirs anyway.

    It only says where to look first. So it does no harm if those copies turn out to be outdated or, in a transaction,
    must not be read: `config_cache.get_many` checks each, and where the owner has none, the global one comes next.
    """
    if owner is None:
        return OWNS_NOTHING
    own = [config_cache.current_copy((owner, name)) for name in names]
    return MAY_OWN_ANYTHING if all(copy and copy.value for copy in own) else owned_names.get(owner)


def _may_own(entry: Answer[OwnedNames], name: str) -> bool:
    return entry.value is not None and entry.value.may_include(name)


def _with_provenance(
    first: Answer[OwnedNames] | Answer[PersonalityConfig], last: Answer[PersonalityConfig]
) -> Answer[PersonalityConfig]:
    """The `last` answer, with the farther source and the greater age of the two: both were needed."""
    farther = max(first, last, key=lambda answer: SOURCES.index(answer.source))
    return last._replace(source=farther.source, age=max(first.age, last.age))


def pop_changed_keys(row: Row) -> set[Key]:
    """The keys that saving or deleting `row` outdates: its own and, after a rename, the one before.

    Sets `stored_key` to its own, for the next time.
    """
    keys = {row.key, row.stored_key or row.key}
    row.stored_key = row.key
    return keys
