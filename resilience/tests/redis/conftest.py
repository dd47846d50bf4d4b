"""A breaker by itself, whose clock is the test's; and the pool, against a real Redis that a test may harm."""

import asyncio
from collections.abc import Callable, Iterator
from time import sleep
from typing import Any, cast

import pytest
import uvloop
from django_redis import get_redis_connection
from django_redis.pool import ConnectionFactory
from redis import Redis

from resilience.circuit_breaker import Breaker
from resilience.redis_errors import error_log
from resilience.redis_pool import BreakerPool, find_pool
from resilience.tests.redis.use import Run, write
from tests.waiting import MAX_SECONDS, Clock, wait_until
from tooling.processes import SupervisedServer

THREADS = 50


def jitter(low: float, high: float) -> float:
    """The longest pause of the range. Slow, so that threads meet here."""
    sleep(0.01)
    return high


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, jitter)


@pytest.fixture(autouse=True)
def _count_from_nought() -> None:
    error_log.reset()


@pytest.fixture
def use_pool(settings: Any, own_redis: SupervisedServer) -> Iterator[Callable[..., BreakerPool]]:
    """Give the cache a BreakerPool. Patient, unless a test says otherwise; a breaker that tries again soon."""
    settings.DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False

    def use(**options: Any) -> BreakerPool:
        patience = {"SOCKET_TIMEOUT": MAX_SECONDS, "SOCKET_CONNECT_TIMEOUT": MAX_SECONDS}
        pool_class = {"CONNECTION_POOL_CLASS": "resilience.redis_pool.BreakerPool"}
        default = settings.CACHES["default"]
        settings.CACHES = {"default": default | {"OPTIONS": default["OPTIONS"] | patience | pool_class | options}}
        pool = get_redis_connection("default").connection_pool
        assert isinstance(pool, BreakerPool)
        pool.breaker.retry_after = (MAX_SECONDS, MAX_SECONDS)
        return pool

    # Pools outlive their caches: an earlier test's server may have had this port, and a later one's may get it.
    _forget_pool(settings.REDIS_LOCATION)
    yield use
    _forget_pool(settings.REDIS_LOCATION)


def _forget_pool(location: str) -> None:
    find_pool.cache_clear()
    if pool := cast(Any, ConnectionFactory)._pools.pop(location, None):
        pool.disconnect()


@pytest.fixture
def pool(use_pool: Callable[..., BreakerPool]) -> BreakerPool:
    return use_pool()


@pytest.fixture
def hasty(use_pool: Callable[..., BreakerPool]) -> BreakerPool:
    """A connected pool that waits as little as it can without taking a busy Redis for a frozen one."""
    pool = use_pool(SOCKET_TIMEOUT=0.3, SOCKET_CONNECT_TIMEOUT=0.3)
    wait_until(lambda: write("value"))
    error_log.reset()
    return pool


@pytest.fixture
def admin(settings: Any, own_redis: SupervisedServer) -> Iterator[Any]:
    """A client of the same Redis by another way."""
    with Redis.from_url(settings.REDIS_LOCATION) as client:
        yield client


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run
