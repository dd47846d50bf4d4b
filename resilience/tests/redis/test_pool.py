"""The pool: nothing wrong, all connections taken, whose breaker it is, other kinds of connection, a fork."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache
from redis.connection import SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError

from resilience.redis_errors import errors
from resilience.redis_pool import BreakerPool, breaker_of, is_away, takes_address
from resilience.tests.redis.use import do_everything, read, write
from tooling.processes import SupervisedServer

FORK = """
import os, signal, sys
from resilience.redis_errors import errors
from resilience.redis_pool import BreakerPool
pool = BreakerPool.from_url("redis://127.0.0.1:1/0")
pool.breaker.refused()
errors["TimeoutError"] += 1
with pool.breaker._lock:  # as if another thread were in the midst of something
    child = os.fork()
    if not child:
        signal.alarm(10)
        fresh = not errors and pool.breaker.state == "closed" and pool.breaker.opened == 0
        pool.breaker.refused()
        os._exit(0 if fresh else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or not pool.breaker.is_open)
"""


def test_healthy__every_operation__nothing_counted_or_logged(
    pool: BreakerPool, caplog: pytest.LogCaptureFixture
) -> None:
    do_everything()
    cache.set("key", "value")
    assert read() == ["value"]
    assert errors == {}
    assert pool.breaker.state == "closed"
    assert [record for record in caplog.records if record.name == "resilience.redis"] == []


def test_pool_exhausted__many_threads__counted_and_stays_closed(use_pool: Callable[..., BreakerPool]) -> None:
    pool = use_pool(CONNECTION_POOL_KWARGS={"max_connections": 1})
    connection = pool.get_connection()
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda _: read(), range(20)))
    assert errors == {"MaxConnectionsError": 20}
    assert pool.breaker.opened == 0
    pool.release(connection)
    assert write("value")


def test_breaker_of__asked__without_connecting(pool: BreakerPool, own_redis: SupervisedServer, settings: Any) -> None:
    own_redis.stop()
    assert breaker_of() is breaker_of("default") is pool.breaker
    assert errors == {}


def test_outage__over__idle_connections_are_closed_and_those_in_use_are_not(pool: BreakerPool) -> None:
    in_use, idle = pool.get_connection(), pool.get_connection()
    pool.release(idle)
    pool.breaker.retry_after = (0, 0)
    pool.breaker.refused()
    again = pool.get_connection()
    assert in_use.is_connected
    assert again is idle  # connected anew
    for connection in (in_use, again):
        pool.release(connection)


def test_connection__idle_for_too_long__made_anew(pool: BreakerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    def lent() -> Any:
        connection = pool.get_connection()
        connection.send_command("CLIENT", "ID")
        number = connection.read_response()
        pool.release(connection)
        return number

    first = lent()
    assert lent() == first
    monkeypatch.setattr("resilience.redis_pool.MAX_IDLE_SECONDS", -1.0)
    assert lent() > first


@pytest.mark.parametrize(
    ("url", "takes"),
    [
        ("redis://127.0.0.1:1/0?socket_timeout=1.5", True),
        ("rediss://127.0.0.1:1/0?ssl_cert_reqs=none", True),
        ("unix:///no/such/socket?db=3", True),
        ("redis://127.0.0.1:1/0?socket_timeout=soon", False),
        ("redis://127.0.0.1:1/0?no_such_parameter=1", False),
        ("http://127.0.0.1:1/0", False),
    ],
)
def test_takes_address__each_kind__known_without_connecting(url: str, takes: bool) -> None:
    assert takes_address(url) is takes


def test_repr__ends_up_in_logs__shows_neither_the_password_nor_the_breaker() -> None:
    pool = BreakerPool.from_url("redis://somebody:right-secret@127.0.0.1:1/0")
    assert "127.0.0.1" in repr(pool)
    assert "right-secret" not in repr(pool)
    assert "breaker" not in repr(pool).lower().replace("breakerpool", "")


def test_is_away__no_redis_or_an_open_breaker__told(pool: BreakerPool, settings: Any) -> None:
    dummy = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    settings.CACHES = settings.CACHES | {"dummy": dummy}
    assert is_away("dummy") is True
    assert is_away() is False
    pool.breaker.refused()
    assert is_away() is True


def test_breaker_of__other_caches__none(own_redis: SupervisedServer, settings: Any) -> None:
    settings.CACHES = settings.CACHES | {
        "dummy": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": settings.REDIS_LOCATION},
        "plain": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0", "OPTIONS": {}},
    }
    assert [breaker_of(alias) for alias in ("dummy", "redis", "plain")] == [None] * 3


@pytest.mark.parametrize(
    ("url", "connection_class"),
    [("rediss://127.0.0.1:1/0", SSLConnection), ("unix:///no/such/socket", UnixDomainSocketConnection)],
)
def test_other_connections__refused__reported_too(url: str, connection_class: type) -> None:
    pool = BreakerPool.from_url(url)
    assert issubclass(pool.connection_class, connection_class)
    with pytest.raises(ConnectionError):
        pool.get_connection()
    assert pool.breaker.is_open
    assert errors == {"ConnectionError": 1}


def test_fork__while_open_and_locked__the_child_starts_afresh() -> None:
    subprocess.run([sys.executable, "-c", FORK], env=os.environ, check=True, timeout=60)
