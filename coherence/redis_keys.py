"""Keys in Redis, for people: commands and the admin. Unlike a lookup, it says when Redis is away."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

SCAN_COUNT = 1000  # SCAN's default of 10 makes a hundred times as many round trips


class RedisUnavailable(Exception):
    """Redis did not do what was asked; the message says what it answered, if it did."""


@contextmanager
def connected() -> Iterator[Any]:
    """A client. Raises RedisUnavailable, also for what fails inside."""
    if not settings.REDIS_ENABLED:
        raise RedisUnavailable("Redis is switched off (REDIS_ENABLED=false).")
    try:
        yield get_redis_connection("default")
    except (RedisError, ConnectionInterrupted) as error:
        raise RedisUnavailable(f"Redis at {settings.REDIS_LOCATION} did not answer: {error}") from error


def scan(client: Any, glob: str, is_ours: Callable[[str], bool]) -> Iterator[list[str]]:
    """Our keys, a batch at a time."""
    return filter(None, rounds(client, glob, is_ours))


def rounds(client: Any, glob: str, is_ours: Callable[[str], bool]) -> Iterator[list[str]]:
    """Our keys that each round trip found, if any. SCAN may name a key twice, and a glob finds more than ours."""
    cursor = -1
    while cursor != 0:
        cursor, found = client.scan(max(cursor, 0), match=prefixed(glob), count=SCAN_COUNT)
        yield [key for key in {raw.decode(errors="replace") for raw in found} if is_ours(key)]


def prefixed(glob: str) -> str:
    """Behind REDIS_KEY_PREFIX, which is taken to the letter."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", settings.REDIS_KEY_PREFIX) + glob


def is_no_text(client: Any, name: str) -> bool:
    """Whether something lies there that MGET shows as nothing. What is text by now was really nothing then."""
    return client.type(name) not in (b"none", b"string")
