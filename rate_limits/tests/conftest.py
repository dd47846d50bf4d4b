"""Subjects of one test each, a script in Redis on the test's clock, and a limiter that has just started."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from rate_limits.gcra import MICROSECONDS, Limit
from rate_limits.local import local_limiter
from rate_limits.redis import SCRIPT, Claim
from resilience.tests.redis.conftest import _count_from_nought, admin, hasty, pool, use_pool  # noqa: F401  fixtures

Ask = Callable[[Sequence[Limit], float], tuple[bool, list[int]]]
NOTHING = Claim(0, 0)
TIME = "redis.call('TIME')"
names = map("test:{}".format, count())


@pytest.fixture(autouse=True)
def _starts_now() -> Iterator[None]:
    local_limiter.reset()
    yield
    local_limiter.reset()


@pytest.fixture
def subject() -> str:
    return next(names)


@pytest.fixture
def ask_at(redis: Any, settings: Any) -> Callable[..., tuple[bool, list[int]]]:
    """Runs the limiter's script as if Redis's clock showed that many seconds."""
    assert TIME in SCRIPT
    script = redis.register_script(SCRIPT.replace(TIME, "{ARGV[#ARGV] / 1000000, 0}"))

    def ask(limits: Sequence[Limit], seconds: float, claims: Sequence[Claim] = ()) -> tuple[bool, list[int]]:
        told = zip(limits, claims or [NOTHING] * len(limits), strict=True)
        numbers = [number for limit, claim in told for number in (limit.rate.interval, limit.rate.full, *claim)]
        keys = [f"{settings.REDIS_KEY_PREFIX}limit:{limit.subject}" for limit in limits]
        admitted, *backlogs = script(keys, [*numbers, int(seconds * MICROSECONDS)])
        return bool(admitted), backlogs

    return ask
