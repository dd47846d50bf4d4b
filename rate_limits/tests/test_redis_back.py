"""Redis is back and may lack reports: it and the share decide together, and neither counts what the other refuses."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rate_limits.gcra import Limit, Rate
from rate_limits.limiter import aadmit_all
from rate_limits.local import local_limiter
from rate_limits.tests.load import RATE, in_turn
from resilience.redis_pool import BreakerPool
from resilience.tests.redis.test_stopped import again
from tests.waiting import MAX_SECONDS, Clock
from tooling.processes import SupervisedServer


@contextmanager
def back(pool: BreakerPool, own_redis: SupervisedServer, url: str, folder: Path, clock: Clock) -> Iterator[None]:
    """Redis right after an outage of some seconds, in which only the subject `somebody` made a request."""
    pool.breaker.retry_after = (0, 0)  # a probe is always due
    own_redis.stop()
    asyncio.run(in_turn("somebody", 1))
    clock.now += 5
    with again(url, folder):
        asyncio.run(in_turn("somebody", 1))
        pool.breaker.retry_after = (MAX_SECONDS, MAX_SECONDS)
        yield


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Clock:
    settings.WEB_WORKERS = 2
    monkeypatch.setattr(local_limiter, "clock", clock := Clock(1000.0))
    return clock


def burst(subject: str, times: int = 40) -> int:
    return sum(verdict.allowed for verdict in asyncio.run(in_turn(subject, times)))


def test_away_again__asked_at_that_moment__counted_once(
    pool: BreakerPool, own_redis: SupervisedServer, subject: str, settings: Any, tmp_path: Path, clock: Clock
) -> None:
    with back(pool, own_redis, settings.REDIS_LOCATION, tmp_path / "again", clock):
        assert burst(subject, 12) == 12
    assert burst(subject) == 3  # of the share of 15


def test_away_again__refused_then__retry_after_holds(
    pool: BreakerPool, own_redis: SupervisedServer, subject: str, settings: Any, tmp_path: Path, clock: Clock
) -> None:
    rate = Rate(2, 86400)
    with back(pool, own_redis, settings.REDIS_LOCATION, tmp_path / "again", clock):
        pass
    (refused,) = asyncio.run(in_turn(subject, 1, rate))
    assert not refused.allowed
    clock.now += refused.retry_after
    assert asyncio.run(in_turn(subject, 1, rate))[0].allowed


def test_back__redis_refuses_one_of_two__not_counted_of_the_others_share(
    pool: BreakerPool,
    own_redis: SupervisedServer,
    subject: str,
    settings: Any,
    tmp_path: Path,
    clock: Clock,
    admin: Any,
) -> None:
    wide, narrow = Limit(f"{subject}:user", RATE), Limit(f"{subject}:key", RATE)
    with back(pool, own_redis, settings.REDIS_LOCATION, tmp_path / "again", clock):
        full = int(admin.time()[0] + RATE.window) * 1_000_000
        admin.set(f"{settings.REDIS_KEY_PREFIX}limit:{narrow.subject}", full)
        assert not asyncio.run(aadmit_all([wide, narrow])).allowed
        assert burst(wide.subject) == 15


def test_cancelled__before_redis_was_told_what_is_owed__told_next_time(
    pool: BreakerPool, subject: str, settings: Any, clock: Clock, admin: Any
) -> None:
    async def cancel() -> None:
        asking = asyncio.create_task(aadmit_all([Limit(subject, RATE)]))
        await asyncio.sleep(0)  # it connects
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()

    settings.WEB_WORKERS = 1
    admin.config_set("maxmemory", "1")
    assert burst(subject) == 6
    admin.config_set("maxmemory", "0")
    asyncio.run(cancel())
    assert burst(subject) == 24
