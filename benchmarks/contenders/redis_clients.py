"""redis-py over TCP with its C parser (hiredis), its client-side caching, and the class that the service replaces."""

import json
import os
from typing import Any
from uuid import UUID

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.cache import CacheConfig
from redis.exceptions import RedisError

from benchmarks.contender import Commands, Refused, timed
from benchmarks.databases import CONFIG_KEY, ID_KEY, NAME, SECONDS, stored

KEY = "original:personality:global:{}:{}"  # not the service's own keys: the id is bare text here


def redis_py() -> Commands:
    """GET of the keys that the service keeps."""
    return _gets(Redis.from_url(os.environ["REDIS_URL"]))


def tracking() -> Commands:
    """redis-py's own client-side caching, kept true by the server's invalidation messages."""
    client = Redis.from_url(os.environ["REDIS_URL"], protocol=3, cache_config=CacheConfig(max_size=10_000))
    try:
        client.ping()
    except RedisError as refusal:
        raise Refused(str(refusal)) from None
    return _gets(client)


def _gets(client: Any) -> Commands:
    """The client is untyped, for redis-py says of each command that it may be awaitable."""
    return timed(id=lambda: client.get(ID_KEY), config=lambda: json.loads(client.get(CONFIG_KEY)))


class PersonalityCache:
    """The original's class, after its description: a Redis round trip for each lookup, decoded each time."""

    def __init__(self, url: str) -> None:
        self._redis: Any = AsyncRedis.from_url(url, decode_responses=True, socket_connect_timeout=2)

    async def get_id(self, name: str) -> UUID | None:
        """Return the id of the personality, or None if there is no such name."""
        text = await self._redis.get(KEY.format(name, "id"))
        return UUID(text) if text else None

    async def get_config(self, name: str) -> dict[str, object] | None:
        """Return the configuration of the personality, or None if there is no such name."""
        text = await self._redis.get(KEY.format(name, "config"))
        return json.loads(text) if text else None


def filled() -> PersonalityCache:
    """Return one that finds the personality it will be asked for."""
    id, config = stored()
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.setex(KEY.format(NAME, "id"), SECONDS, id)
        client.setex(KEY.format(NAME, "config"), SECONDS, json.dumps(config))
    return PersonalityCache(os.environ["REDIS_URL"])


def original() -> Commands:
    """The original's class, in an event loop (uvloop)."""
    cache = filled()

    async def get_id() -> object:
        return await cache.get_id(NAME)

    async def get_config() -> object:
        return await cache.get_config(NAME)

    return timed(id=get_id, config=get_config)
