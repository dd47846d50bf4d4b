"""The class that the service replaces, after its description: a Redis round trip for each lookup, decoded each time."""

import json
import os
from typing import Any
from uuid import UUID

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.subject import NAME, SECONDS, stored

KEY = "original:personality:global:{}:{}"  # not the service's own keys: the id is bare text here


class PersonalityCache:
    def __init__(self, url: str) -> None:
        self._redis: Any = AsyncRedis.from_url(url, decode_responses=True, socket_connect_timeout=2)

    async def get_id(self, name: str) -> UUID | None:
        text = await self._redis.get(KEY.format(name, "id"))
        return UUID(text) if text else None

    async def get_config(self, name: str) -> dict[str, Any] | None:
        text = await self._redis.get(KEY.format(name, "config"))
        return json.loads(text) if text else None


def filled() -> PersonalityCache:
    """One that finds the personality it will be asked for."""
    id, config = stored()
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.setex(KEY.format(NAME, "id"), SECONDS, id)
        client.setex(KEY.format(NAME, "config"), SECONDS, json.dumps(config))
    return PersonalityCache(os.environ["REDIS_URL"])
