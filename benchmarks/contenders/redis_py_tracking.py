"""redis-py's own client-side caching, kept true by the server's invalidation messages."""

import json
import os
from typing import Any

from redis import Redis
from redis.cache import CacheConfig
from redis.exceptions import RedisError

from benchmarks.commands import Commands, Refused, timed
from benchmarks.subject import CONFIG_KEY, ID_KEY


def commands() -> Commands:
    client: Any = Redis.from_url(os.environ["REDIS_URL"], protocol=3, cache_config=CacheConfig(max_size=10_000))
    try:
        client.ping()
    except RedisError as refusal:
        raise Refused(str(refusal)) from None
    return timed(id=lambda: client.get(ID_KEY), config=lambda: json.loads(client.get(CONFIG_KEY)))
