"""What the tests do to the cache, to one of its connections and to its breaker."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from django.core.cache import cache

from resilience.circuit_breaker import Breaker
from resilience.redis_async import pool_of_running_loop
from resilience.redis_pool import BreakerPool
from tests.waiting import MAX_SECONDS

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def read(times: int = 1) -> list[Any]:
    return [cache.get("key") for _ in range(times)]


def write(value: str) -> bool:
    return cast(Any, cache).set("key", value) is True  # None: django-redis has ignored an error


def do_everything() -> None:
    """What an app does to a cache, pipelines and all."""
    read()
    cache.get_many(["key", "other"])
    cache.set("key", "value")
    cache.set_many({"key": "value", "other": "value"})
    cache.delete_many(["key", "other"])


def ping(connection: Any) -> None:
    connection.send_command("PING")
    assert connection.read_response() == b"PONG"


def open_until_now(breaker: Breaker) -> None:
    """A probe is due. When it fails, that is for good."""
    breaker.retry_after = (0, 0)
    breaker.refused()
    breaker.retry_after = (MAX_SECONDS, MAX_SECONDS)


async def execute(pool: BreakerPool, *command: Any) -> Any:
    return await (await pool_of_running_loop(pool)).execute(*command)
