"""Redis takes connections and answers nothing, until it does again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from django.core.cache import cache
from redis.exceptions import TimeoutError

from resilience.redis_errors import error_log, errors
from resilience.redis_pool import BreakerPool
from resilience.tests.redis.use import do_everything, open_until_now, ping, read, write
from tests.waiting import wait_until
from tooling.processes import SupervisedServer


@contextmanager
def frozen(server: SupervisedServer) -> Iterator[None]:
    (process,) = psutil.Process(server.process.pid).children()
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_frozen__many_calls__three_time_out_and_the_rest_are_refused(
    hasty: BreakerPool, own_redis: SupervisedServer
) -> None:
    with frozen(own_redis):
        assert read(3) == [None] * 3
        assert errors == {"TimeoutError": 3}
        started = monotonic()
        read(100)
        assert monotonic() - started < 100 * 0.3 / 10  # a timeout each would take ten times as long
        do_everything()
    assert errors["TimeoutError"] == 3
    assert hasty.breaker.is_open


def test_frozen__what_is_sent_does_not_fit_the_buffers__counted(
    hasty: BreakerPool, own_redis: SupervisedServer
) -> None:
    with frozen(own_redis):
        cache.set("key", "x" * 30_000_000)
    assert errors == {"TimeoutError": 1}


def test_frozen__pinged_before_use__counted_once(
    use_pool: Callable[..., BreakerPool], own_redis: SupervisedServer, admin: Any
) -> None:
    use_pool(SOCKET_TIMEOUT=0.3, CONNECTION_POOL_KWARGS={"health_check_interval": 0.001})
    admin.config_resetstat()
    wait_until(lambda: write("value"))
    sleep(0.002)
    wait_until(lambda: read() == ["value"])
    assert admin.info("commandstats")["cmdstat_ping"]["calls"] > 0
    error_log.reset()
    sleep(0.002)
    with frozen(own_redis):
        read()
    assert errors == {"TimeoutError": 1}


def test_thawed__probe_due__closes_and_serves(hasty: BreakerPool, own_redis: SupervisedServer) -> None:
    hasty.breaker.retry_after = (0, 0)
    with frozen(own_redis):
        read(3)
        hasty.breaker.retry_after = (1, 1)
        read(2)  # the probe, which times out, and one that is refused
        assert errors == {"TimeoutError": 4, "BreakerOpen": 1}
        assert hasty.breaker.state == "open"
    wait_until(lambda: read() == ["value"])
    assert hasty.breaker.state == "closed"
    assert hasty.breaker.opened == 1


def test_probe__connects_and_then_redis_freezes__open_again(hasty: BreakerPool, own_redis: SupervisedServer) -> None:
    open_until_now(hasty.breaker)
    connection = hasty.get_connection()
    assert hasty.breaker.state == "half-open"  # the handshake alone proves nothing
    assert read() == [None]
    with frozen(own_redis), pytest.raises(TimeoutError):
        ping(connection)
    assert hasty.breaker.state == "open"
    assert errors == {"BreakerOpen": 1, "TimeoutError": 1}
