"""Redis is stopped, comes back, or ends a connection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError

from resilience.redis_errors import errors
from resilience.redis_pool import BreakerPool
from resilience.tests.redis.use import do_everything, open_until_now, ping, read, write
from tests.waiting import wait_until
from tooling.processes import SupervisedServer
from tooling.redis import start as start_redis


@contextmanager
def again(url: str, folder: Path) -> Iterator[None]:
    """Another Redis, and an empty one, on the port of the one that was stopped."""
    server, new_url = start_redis(folder, durable=False, port=urlsplit(url).port or 0)
    try:
        assert new_url == url
        yield
    finally:
        server.stop()


@pytest.mark.parametrize("warm", [False, True])
def test_stopped__many_calls__one_connects_and_the_rest_are_refused(
    pool: BreakerPool, own_redis: SupervisedServer, caplog: pytest.LogCaptureFixture, warm: bool
) -> None:
    if warm:
        read()
    own_redis.stop()
    assert read(50) == [None] * 50
    assert errors == {"ConnectionError": 1, "BreakerOpen": 49}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Connection refused" in caplog.text
    do_everything()


def test_stopped__reconnects_to_send__counted_once(pool: BreakerPool, own_redis: SupervisedServer) -> None:
    connection = pool.get_connection()
    connection.disconnect()
    own_redis.stop()
    with pytest.raises(ConnectionError):
        ping(connection)
    assert errors == {"ConnectionError": 1}
    assert pool.breaker.is_open


def test_restarted__on_the_same_port__the_probe_closes_it(
    pool: BreakerPool, own_redis: SupervisedServer, settings: Any, tmp_path: Path
) -> None:
    cache.set("key", "before")
    own_redis.stop()
    open_until_now(pool.breaker)
    pool.breaker.retry_after = (1, 1)
    read()
    assert errors == {"ConnectionError": 1}
    assert pool.breaker.is_open
    with again(settings.REDIS_LOCATION, tmp_path / "again"):
        wait_until(lambda: write("after"))
        assert read() == ["after"]
    assert pool.breaker.state == "closed"
    assert pool.breaker.opened == 1


def test_restarted__between_two_calls__nobody_notices(
    pool: BreakerPool, own_redis: SupervisedServer, settings: Any, tmp_path: Path
) -> None:
    cache.set("key", "before")
    own_redis.stop()
    with again(settings.REDIS_LOCATION, tmp_path / "again"):
        assert write("after")
    assert errors == {}
    assert pool.breaker.opened == 0


def test_connection_killed__in_use__counted_and_stays_closed(pool: BreakerPool, admin: Any) -> None:
    for _ in range(5):
        connection = pool.get_connection()
        ping(connection)
        admin.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(ConnectionError):
            ping(connection)
        pool.release(connection)
    assert errors == {"ConnectionError": 5}
    assert pool.breaker.state == "closed"
    do_everything()


def test_probe__idle_sockets_from_before__are_not_used_again(pool: BreakerPool) -> None:
    connections = [pool.get_connection() for _ in range(5)]
    for connection in connections:
        pool.release(connection)
    open_until_now(pool.breaker)
    read()
    assert pool.breaker.state == "closed"
    assert sum(connection.is_connected for connection in connections) == 1


def test_many_threads__probe_due__one_connects(pool: BreakerPool, own_redis: SupervisedServer) -> None:
    own_redis.stop()
    open_until_now(pool.breaker)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda _: read(), range(20)))
    assert errors == {"ConnectionError": 1, "BreakerOpen": 19}
