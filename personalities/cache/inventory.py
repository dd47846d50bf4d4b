"""What lies in Redis, for people: commands, admin, readiness. Unlike a lookup, it says when Redis is away."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from django.conf import settings
from django.core.cache import caches

from coherence.redis_keys import RedisUnavailable, connected, is_no_text, rounds, scan
from personalities import cache
from personalities.cache.keys import CONFIG, Key, config_key, id_key, is_ours, key_of, pattern
from personalities.config import PersonalityConfig

SURVEY_ROUNDS = 20  # some 20,000 keys of the server, ours or not: 10 ms of its time


@dataclass(frozen=True)
class Entry:
    """One key: `ttl` in seconds, None when it never expires; `size` of the value in bytes."""

    key: str
    ttl: int | None
    size: int


@dataclass(frozen=True)
class Survey:
    """Of the configurations in Redis, how many were seen, and the first by name. Not `complete`: there may be more."""

    count: int
    complete: bool
    first: list[Entry]


def state() -> str:
    """ "ok", "unreachable", or "off" with REDIS_ENABLED=false."""
    if not settings.REDIS_ENABLED:
        return "off"
    try:
        with connected() as client:
            client.ping()
    except RedisUnavailable:
        return "unreachable"
    return "ok"


def entries(name: str | None = None) -> list[Entry]:
    """Our keys of the personality `name`, or of all, sorted. Raises RedisUnavailable."""
    with connected() as client:
        return sorted((entry for keys in _scan(client, name) for entry in _measure(client, keys)), key=lambda e: e.key)


def survey(limit: int) -> Survey:
    """At most `limit` configurations. Costs little however many keys there are, so that a page may ask every few
    seconds. Raises RedisUnavailable.
    """
    with connected() as client:
        batches = rounds(client, pattern(), is_ours)
        found = {key for keys in islice(batches, SURVEY_ROUNDS) for key in keys if key.endswith(CONFIG)}
        complete = next(batches, None) is None
        first = sorted(_measure(client, sorted(found)[:limit]), key=lambda entry: entry.key)
    return Survey(len(found), complete, first)


def forget_all(names: Collection[str | None] = (None,)) -> int:
    """Delete our keys of the personalities `names`; return how many went. Raises RedisUnavailable."""
    with connected() as client:
        return sum(client.unlink(*keys) for name in names for keys in _scan(client, name))


def store(number: int, configs: Collection[PersonalityConfig]) -> int:
    """Keep copies as a lookup does, read at `number` of the log; return how many. Raises RedisUnavailable."""
    with connected() as client:
        # Django's cache would ignore a failure. Given a client of its own, django-redis's inner layer raises it.
        cast(Any, caches["default"]).client.set_many(
            cache.entries(number, configs), settings.PERSONALITY_CACHE_SECONDS, client=client
        )
    return len(configs)


def forget(keys: Collection[Key]) -> int:
    """Delete the copies kept under `keys`; return how many Redis keys went. Raises RedisUnavailable."""
    names = [settings.REDIS_KEY_PREFIX + name for name in cache.redis_names(keys)]
    with connected() as client:
        return int(client.unlink(*names)) if names else 0


def cached(keys: Collection[Key]) -> set[Key]:
    """Those of `keys` that have a configuration in Redis; none when it is away."""
    names = {settings.REDIS_KEY_PREFIX + config_key(key): key for key in keys}
    try:
        with connected() as client:
            pipeline = client.pipeline(transaction=False)
            for name in names:
                pipeline.exists(name)
            return {key for key, found in zip(names.values(), pipeline.execute(), strict=True) if found}
    except RedisUnavailable:
        return set()


def copies(name: str | None = None) -> Iterator[dict[Key, tuple[int, PersonalityConfig] | None]]:
    """What lies under our keys, a batch at a time: the copy and its number, None when it is not as it is stored."""
    with connected() as client:
        for batch in _scan(client, name):
            yield _read(client, {key for text in batch if (key := key_of(text))})


def hit_rate() -> float | None:
    """Hits among all key reads of this Redis server since its start, 0 to 1; None before the first."""
    with connected() as client:
        stats = client.info("stats")
    hits, misses = stats["keyspace_hits"], stats["keyspace_misses"]
    return hits / (hits + misses) if hits + misses else None


def _scan(client: Any, name: str | None) -> Iterator[list[str]]:
    return scan(client, pattern(name), is_ours)


def _read(client: Any, keys: Collection[Key]) -> dict[Key, tuple[int, PersonalityConfig] | None]:
    """Unlike a lookup, with `:id`, which people read; and a failure is raised."""
    names = [name for key in keys for name in (id_key(key), config_key(key))]
    values = cast(Any, caches["default"]).client.get_many(names, client=client)
    there = [key for key in keys if not _is_gone(client, key, values)]
    found = {key: cache.believe(key, values.get(config_key(key))) for key in there}
    return {key: copy if copy and values.get(id_key(key)) == str(copy[1].id) else None for key, copy in found.items()}


def _is_gone(client: Any, key: Key, values: Mapping[str, Any]) -> bool:
    """Since SCAN named it: an edit, or time, takes both keys at once, and that is no damage."""
    names = (id_key(key), config_key(key))
    return values.keys().isdisjoint(names) and not any(
        is_no_text(client, settings.REDIS_KEY_PREFIX + name) for name in names
    )


def _measure(client: Any, keys: list[str]) -> Iterator[Entry]:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.ttl(key).strlen(key)
    answers = pipeline.execute(raise_on_error=False)  # STRLEN of somebody's list under our name is an error
    for key, ttl, size in zip(keys, answers[::2], answers[1::2], strict=True):
        if ttl != -2:  # gone since SCAN named it
            yield Entry(key, None if ttl == -1 else ttl, size if isinstance(size, int) else 0)
