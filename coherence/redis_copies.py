"""Copies in Redis, which processes share: the one module that reads, writes, lists and deletes them.

A lookup goes through Django's cache and never raises: with Redis away a read is a miss and a write does nothing.
Operator actions (commands, the admin) bypass Django's cache and raise RedisUnavailable.
"""

import logging
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.core.cache import caches
from django_redis import get_redis_connection
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from coherence.change_log import Position
from coherence.codec import Codec
from coherence.shared import SharedCache
from resilience.redis_errors import error_code
from resilience.redis_pool import is_away, is_redis

K = TypeVar("K")
V = TypeVar("V")

logger = logging.getLogger(__name__)

SCAN_COUNT = 1000  # keys per round trip; SCAN's default of 10 would take a hundred times as many round trips
PROBE_TTL = 10  # seconds until probes expire, should the process end before it deletes them
SURVEY_ROUNDS = 20  # round trips of a survey: some 20,000 keys of the server, 10 ms of its time


class RedisUnavailable(Exception):
    """Redis did not do what was asked; the message contains its answer, if there was one."""


class Entry(NamedTuple):
    """One Redis key: `ttl` in seconds, None when it never expires; `size` of the value in bytes."""

    key: str
    ttl: int | None
    size: int


@dataclass(frozen=True)
class Survey:
    """How many copies were seen, and the first by name. Unless `complete`, there may be more."""

    count: int
    complete: bool
    first: list[Entry]


class RedisCopies(SharedCache[K, V]):
    """The copies of one kind, in the Django cache `alias`, for `ttl` seconds each.

    Reading, writing and deleting come in pairs. `get_many`, `store` and `delete` are for lookups, which can do without
    Redis, and never raise. `read_or_raise`, `put_or_raise` and `delete_or_raise` are for operators, who must learn of a
    failure: RedisUnavailable.
    """

    def __init__(self, codec: Codec[K, V], *, ttl: int, alias: str = "default") -> None:
        self.codec, self.ttl, self.alias = codec, ttl, alias

    # ── For lookups: never raises ─────────────────────────────────────────────────────────────────────────────────────

    def get_many(self, keys: Collection[K]) -> dict[K, tuple[Position, V]]:
        """The copies that are there, each with its position, in one round trip. An invalid copy counts as absent."""
        if is_away(self.alias):
            return {}
        names = {self.codec.redis_key(key): key for key in keys}
        found: dict[K, tuple[Position, V]] = {}
        for name, stored in self._values(names).items():
            copy = self.codec.decode(names[name], stored)
            logger.debug("%s %s", "hit" if copy else "miss", name)
            if copy:
                found[names[name]] = copy
        return found

    def store(self, position: Position, values: Mapping[K, V]) -> None:
        """Keep `values`, read at `position` of the change log, in one round trip."""
        if is_away(self.alias):
            return
        entries = self._encode(position, values)
        caches[self.alias].set_many(entries, self.ttl)
        logger.debug("stored %s", " ".join(entries))

    def delete(self, keys: Collection[K]) -> None:
        """Delete the copies of `keys`."""
        names = self._names(keys)
        if names and not is_away(self.alias):
            caches[self.alias].delete_many(names)
            logger.debug("deleted %s", " ".join(names))

    # ── For operators: raises RedisUnavailable ────────────────────────────────────────────────────────────────────────

    def scan(self, pattern: str | None = None) -> Iterator[list[K]]:
        """The keys that have something in Redis, a batch at a time; a key may come twice.

        `pattern` is a glob of Redis keys, without the prefix of the cache; by default all of this kind.
        """
        with connected(self.alias) as client:
            for names in self._rounds(client, pattern):
                if names:
                    yield [key for name in names if (key := self.key_of(name)) is not None]

    def read_or_raise(self, keys: Collection[K]) -> dict[K, tuple[Position, V | None] | None]:
        """What lies under `keys`: each copy with its position, None for a damaged one. Absent keys are left out.

        A copy of another release has no value.
        """
        with connected(self.alias) as client:
            values = self._client().get_many(
                [name for key in keys for name in self.codec.redis_keys(key)], client=client
            )
            return {key: self.codec.inspect(key, values) for key in set(keys) if self._exists(client, key, values)}

    def put_or_raise(self, position: Position | None, values: Mapping[K, V]) -> int:
        """Store as a lookup does; return how many copies were stored. `position` is None only if `values` is empty."""
        with connected(self.alias) as client:
            if position:
                # Django's cache would ignore a failure; given a client, django-redis's inner layer raises it.
                self._client().set_many(self._encode(position, values), self.ttl, client=client)
        return len(values)

    def delete_or_raise(self, batches: Iterable[Collection[K]]) -> int:
        """Delete the copies of all keys in `batches`; return how many Redis keys were deleted."""
        with connected(self.alias) as client:
            return sum(client.unlink(*self._full_names(keys)) for keys in batches if keys)

    def entries(self, batches: Iterable[Collection[K]]) -> list[Entry]:
        """The Redis keys of all keys in `batches`, sorted."""
        with connected(self.alias) as client:
            found = {entry.key: entry for keys in batches for entry in _measure(client, self._full_names(keys))}
        return [found[key] for key in sorted(found)]

    def survey(self, limit: int) -> Survey:
        """Count copies and measure the first `limit`. Cheap however many there are, so a page may ask often."""
        with connected(self.alias) as client:
            rounds = self._rounds(client)
            found = {name for names in islice(rounds, SURVEY_ROUNDS) for name in names if self._is_lookup_name(name)}
            complete = next(rounds, None) is None
            return Survey(len(found), complete, sorted(_measure(client, sorted(found)[:limit])))

    # ── For pages and probes: never raises ────────────────────────────────────────────────────────────────────────────

    def existing(self, keys: Collection[K]) -> set[K]:
        """Which of `keys` Redis has a copy of; none while Redis is away."""
        try:
            with connected(self.alias) as client:
                pipeline = client.pipeline(transaction=False)
                for key in keys:
                    pipeline.exists(self._full_name(self.codec.redis_key(key)))
                return {key for key, found in zip(keys, pipeline.execute(), strict=True) if found}
        except RedisUnavailable:
            return set()

    def state(self) -> str:
        """Whether copies are kept: "ok" if two could be written and read back as lookups do it, "unusable" if Redis
        answers but does not do that (a node of a cluster, a Sentinel, a replica, one that refuses the login),
        "unreachable", or "off".
        """
        if not is_redis(self.alias):
            return "off"
        try:
            return "ok" if self._keeps_copies() else "unusable"
        except RedisUnavailable as error:
            return "unusable" if _is_refusal(error) else "unreachable"

    # ── Names and values ──────────────────────────────────────────────────────────────────────────────────────────────

    def _values(self, names: Collection[str]) -> dict[str, object]:
        """What is stored under each name, or None. GET for a single one, which django-redis does faster than MGET."""
        cache = caches[self.alias]
        if len(names) == 1:
            return {name: cache.get(name) for name in names}
        return dict.fromkeys(names) | (cache.get_many(names) or {})

    def _encode(self, position: Position, values: Mapping[K, V]) -> dict[str, object]:
        return {
            name: stored
            for key, value in values.items()
            for name, stored in self.codec.encode(key, position, value).items()
        }

    def _keeps_copies(self) -> bool:
        """Write two keys that no lookup asks for and no other process writes, and read them back.

        Two, because in a cluster they belong to different nodes.
        """
        token = secrets.token_hex(4)
        entries = {self.codec.pattern.replace("*", f"probe:{token}:{number}"): number for number in range(2)}
        with connected(self.alias) as client:
            self._client().set_many(entries, PROBE_TTL, client=client)
            found = self._client().get_many(entries, client=client)
            client.unlink(*map(self._full_name, entries))
        return bool(found == entries)

    def _client(self) -> Any:
        """The layer of django-redis below Django's cache, which is untyped."""
        cache: Any = caches[self.alias]
        return cache.client

    def _names(self, keys: Collection[K]) -> list[str]:
        return sorted({name for key in keys for name in self.codec.redis_keys(key)})

    def _full_name(self, name: str) -> str:
        return str(caches[self.alias].make_key(name))

    def _full_names(self, keys: Collection[K]) -> list[str]:
        return [self._full_name(name) for name in self._names(keys)]

    def key_of(self, full_name: str) -> K | None:
        """The key stored as the Redis key `full_name`, prefix included, or None if the name is not of this kind."""
        prefix = self._full_name("")
        return self.codec.key_from_redis(full_name.removeprefix(prefix)) if full_name.startswith(prefix) else None

    def _is_lookup_name(self, full_name: str) -> bool:
        key = self.key_of(full_name)
        return key is not None and full_name == self._full_name(self.codec.redis_key(key))

    def _rounds(self, client: Any, pattern: str | None = None) -> Iterator[list[str]]:
        """Our Redis keys, a list per round trip. SCAN may return a key twice, and the glob matches foreign keys too."""
        literal_prefix = re.sub(r"([*?\[\]\\])", r"\\\1", self._full_name(""))
        glob = literal_prefix + (pattern or self.codec.pattern)
        cursor = None
        while cursor != 0:
            cursor, found = client.scan(cursor or 0, match=glob, count=SCAN_COUNT)
            names = {raw.decode(errors="replace") for raw in found}
            yield [name for name in names if self.key_of(name) is not None]

    def _exists(self, client: Any, key: K, values: Mapping[str, object]) -> bool:
        """Whether anything is stored. MGET reports a value that is not a string as missing; it counts as damaged."""
        names = self.codec.redis_keys(key)
        if not values.keys().isdisjoint(names):
            return True
        return any(client.type(self._full_name(name)) not in (b"none", b"string") for name in names)


@contextmanager
def connected(alias: str = "default") -> Iterator[Any]:
    """A client of the Redis behind the Django cache `alias`. Raises RedisUnavailable, also for errors in the block."""
    if not is_redis(alias):  # worded for the service that coherence comes from, whose operators set this variable
        raise RedisUnavailable("Redis is switched off (REDIS_ENABLED=false).")
    try:
        yield get_redis_connection(alias)
    except (RedisError, ConnectionInterrupted) as error:
        location = settings.CACHES[alias]["LOCATION"]
        raise RedisUnavailable(f"Redis at {location} did not answer: {error}") from error


def _is_refusal(error: RedisUnavailable) -> bool:
    """Whether Redis answered with an error, now or when the breaker opened; django-redis may have wrapped it."""
    cause = error.__cause__
    causes = (cause, cause and cause.__cause__)
    return any(isinstance(each, RedisError) and error_code(each) for each in causes)


def hit_rate(alias: str = "default") -> float | None:
    """Hits among all key reads of the Redis server since it started, 0 to 1; None before the first read."""
    with connected(alias) as client:
        stats = client.info("stats")
    hits, misses = stats["keyspace_hits"], stats["keyspace_misses"]
    return hits / (hits + misses) if hits + misses else None


def _measure(client: Any, names: Collection[str]) -> Iterator[Entry]:
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.ttl(name).strlen(name)
    answers = pipeline.execute(raise_on_error=False)  # STRLEN of a foreign list under our name is an error
    for name, ttl, size in zip(names, answers[::2], answers[1::2], strict=True):
        if ttl != -2:  # expired or deleted since SCAN named it
            yield Entry(name, None if ttl == -1 else ttl, size if isinstance(size, int) else 0)
