"""With a real Redis exactly the limit is admitted, from however many tasks, threads and processes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rate_limits.gcra import Limit, Rate
from rate_limits.limiter import aadmit_all
from rate_limits.tests.load import concurrently, in_turn, request_from_all, worker_processes
from resilience.redis_errors import errors


@pytest.fixture(autouse=True)
def _patient(settings: Any, use_pool: Any) -> None:
    """Longer timeouts: on a busy machine Redis may take more than 0.1 s, which would count as being away."""
    use_pool()


def test_admit__two_hundred_at_once__exactly_the_limit(subject: str) -> None:
    verdicts = asyncio.run(concurrently(subject, 200))
    assert sorted(verdict.remaining for verdict in verdicts if verdict.allowed) == list(range(30))
    assert not errors


def test_admit__loops_in_several_threads__exactly_the_limit(subject: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda _: asyncio.run(concurrently(subject, 25)), range(8)))
    assert sum(verdict.allowed for each in verdicts for verdict in each) == 30
    assert not errors


def test_admit__several_processes__exactly_the_limit(subject: str, settings: Any) -> None:
    with worker_processes(subject, settings, 4) as processes:
        assert request_from_all(processes) == 30


def test_admit__refused__says_when_and_costs_nothing(subject: str) -> None:
    rate = Rate(2, 86400)
    *admitted, first, second = asyncio.run(in_turn(subject, 4, rate))
    assert [verdict.remaining for verdict in admitted] == [1, 0]
    assert not first.allowed
    assert 43_100 < second.retry_after <= first.retry_after <= 43_200
    assert 86_300 < second.reset_seconds <= 86_400


def test_admit__one_of_two_refuses__the_other_has_not_counted_it(subject: str) -> None:
    wide, narrow = Limit(f"{subject}:user", Rate(10, 86400)), Limit(f"{subject}:key", Rate(2, 86400))
    verdicts = [asyncio.run(aadmit_all([wide, narrow])) for _ in range(5)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, False, False, False]
    assert {verdict.limit for verdict in verdicts} == {2}
    assert asyncio.run(aadmit_all([wide])).remaining == 7


def test_keys__in_redis__named_after_the_subject_and_gone_with_the_backlog(
    subject: str, settings: Any, admin: Any
) -> None:
    asyncio.run(in_turn(subject, 1, Rate(10, 1000)))
    assert [key.decode() for key in admin.keys("*")] == [f"{settings.REDIS_KEY_PREFIX}limit:{subject}"]
    assert 0 < admin.pttl(f"{settings.REDIS_KEY_PREFIX}limit:{subject}") <= 100_000
