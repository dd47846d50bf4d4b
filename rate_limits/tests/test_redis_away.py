"""With Redis killed, frozen, refusing or back empty, the share still holds and nobody gets an error."""

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from rate_limits.tests.load import concurrently, in_turn, request_from_all, worker_processes
from resilience.redis_errors import errors
from resilience.redis_pool import BreakerPool
from resilience.tests.redis.test_frozen import frozen
from resilience.tests.redis.test_stopped import again
from tests.waiting import MAX_SECONDS
from tooling.processes import SupervisedServer, free_port


@pytest.fixture(autouse=True)
def _one_of_two(settings: Any) -> None:
    settings.WEB_WORKERS = 2


def burst(subject: str, times: int = 40) -> int:
    return sum(verdict.allowed for verdict in asyncio.run(in_turn(subject, times)))


def test_killed__several_processes__a_fifth_more_at_most_until_it_is_back_empty(
    pool: BreakerPool, own_redis: SupervisedServer, subject: str, settings: Any, tmp_path: Path
) -> None:
    with worker_processes(subject, settings, 3) as processes:
        assert request_from_all(processes) == 30
        own_redis.stop()
        without = request_from_all(processes)
        assert 0 <= without <= 6
        with again(settings.REDIS_LOCATION, tmp_path / "again"):
            assert without + request_from_all(processes) <= 6


def test_killed__nothing_used_yet__a_fifth_of_the_share(
    pool: BreakerPool, own_redis: SupervisedServer, subject: str
) -> None:
    own_redis.stop()
    assert burst(subject) == 3
    assert errors == {"ConnectionError": 1}  # the others saw that the breaker is open


def test_known_to_be_away__before_the_first_request__a_fifth_of_the_share(pool: BreakerPool, subject: str) -> None:
    """Somebody else in this process has found that out."""
    pool.breaker.refused()
    assert burst(subject) == 3


def test_killed__all_of_it_used_here__nothing_left(
    pool: BreakerPool, own_redis: SupervisedServer, subject: str
) -> None:
    assert burst(subject) == 30
    own_redis.stop()
    assert burst(subject) == 0


def test_restarted_empty__used_before__not_admitted_again(
    pool: BreakerPool, own_redis: SupervisedServer, subject: str, settings: Any, tmp_path: Path
) -> None:
    assert burst(subject) == 30
    own_redis.stop()
    with again(settings.REDIS_LOCATION, tmp_path / "again"):
        assert burst(subject) == 0
    assert not errors


def test_restarted__admitted_without_it__counted_there(
    pool: BreakerPool, own_redis: SupervisedServer, subject: str, settings: Any, tmp_path: Path
) -> None:
    settings.WEB_WORKERS = 1
    pool.breaker.retry_after = (0, 0)  # a probe is always due
    own_redis.stop()
    alone = burst(subject)
    with again(settings.REDIS_LOCATION, tmp_path / "again"):
        shared = burst(subject)
    assert alone == 6
    assert alone + shared == 30


def test_frozen__the_share_answers_and_the_breaker_opens(
    hasty: BreakerPool, own_redis: SupervisedServer, subject: str
) -> None:
    with frozen(own_redis):
        assert burst(subject) == 3
    assert errors["TimeoutError"] == 3
    assert hasty.breaker.is_open


def test_frozen__asked_in_the_event_loop__it_does_not_wait(
    use_pool: Any, own_redis: SupervisedServer, subject: str
) -> None:
    async def longest_pause() -> tuple[int, float]:
        asking = asyncio.create_task(concurrently(subject, 40))
        longest, last = 0.0, monotonic()
        while not asking.done():
            await asyncio.sleep(0)
            longest, last = max(longest, monotonic() - last), monotonic()
        return sum(verdict.allowed for verdict in await asking), longest

    use_pool(SOCKET_TIMEOUT=1, SOCKET_CONNECT_TIMEOUT=1)
    with frozen(own_redis):
        started = monotonic()
        admitted, longest = asyncio.run(longest_pause())
        assert admitted == 3
        assert longest < 1 <= monotonic() - started  # which is what Redis is waited for


def test_refuses_to_write__the_share_answers(pool: BreakerPool, subject: str, admin: Any) -> None:
    admin.config_set("maxmemory", "1")
    assert burst(subject) == 3
    assert errors == {"OutOfMemoryError": 40}


def test_read_only_replica__the_share_answers_and_counts_when_it_is_promoted(
    pool: BreakerPool, subject: str, admin: Any
) -> None:
    admin.execute_command("REPLICAOF", "127.0.0.1", free_port())
    assert burst(subject) == 3
    assert errors == {"ReadOnlyError": 40}
    admin.execute_command("REPLICAOF", "NO", "ONE")
    assert burst(subject) == 27


def test_scripts_flushed__none_is_lost(pool: BreakerPool, subject: str, admin: Any) -> None:
    before = burst(subject, 10)
    admin.script_flush()
    assert before + burst(subject) == 30
    assert not errors


def test_wrong_type_under_its_key__the_share_answers(
    pool: BreakerPool, subject: str, admin: Any, settings: Any
) -> None:
    admin.lpush(f"{settings.REDIS_KEY_PREFIX}limit:{subject}", "x")
    assert burst(subject) == 3
    assert errors == {"ResponseError": 40}


def test_off__the_share_answers_at_once(settings: Any, subject: str) -> None:
    settings.REDIS_ENABLED = False
    settings.CACHES = {"default": settings.NO_CACHE}
    started = monotonic()
    assert burst(subject) == 15
    assert monotonic() - started < MAX_SECONDS
    assert not errors
