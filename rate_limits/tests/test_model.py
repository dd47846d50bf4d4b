"""Redis decides as token buckets would, for any rates, combinations of limits and pauses."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from rate_limits.gcra import MICROSECONDS, Limit, Rate
from rate_limits.redis import Claim
from rate_limits.tests.conftest import Ask, names

START = 1_700_000_000
rates = some.builds(Rate, some.integers(1, 6), some.sampled_from([3600, 86400]))
pauses = some.one_of(some.just(0), some.integers(1, 2 * 86400))
requests = some.lists(some.tuples(some.sampled_from([(0,), (1,), (0, 1)]), pauses), max_size=40)


@dataclass
class Bucket:
    """Holds as many tokens as the limit, and gets a new one each interval."""

    rate: Rate
    tokens: Fraction

    def wait(self, seconds: int) -> None:
        self.tokens = min(self.tokens + Fraction(seconds * MICROSECONDS, self.rate.interval), Fraction(self.rate.limit))


@given(some.tuples(rates, rates), requests)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_redis__any_requests__decides_as_buckets_do(
    ask_at: Ask, pair: tuple[Rate, Rate], asked: list[tuple[tuple[int, ...], int]]
) -> None:
    limits = [Limit(next(names), rate) for rate in pair]
    buckets = [Bucket(rate, Fraction(rate.limit)) for rate in pair]
    now = START
    for which, pause in asked:
        now += pause
        for bucket in buckets:
            bucket.wait(pause)
        expected = all(buckets[each].tokens >= 1 for each in which)
        for each in which:
            buckets[each].tokens -= expected
        admitted, backlogs = ask_at([limits[each] for each in which], now)
        assert admitted == expected
        for each, backlog in zip(which, backlogs, strict=True):
            assert backlog == (pair[each].limit - buckets[each].tokens) * pair[each].interval


def test_redis__clock_set_back_or_rate_lowered__nobody_is_kept_out_for_longer(ask_at: Ask, subject: str) -> None:
    assert ask_at([Limit(subject, Rate(1, 86400))], START)[0]
    limit = Limit(subject, Rate(2, 60))
    assert ask_at([limit], START) == (False, [72_000_000])
    assert ask_at([limit], START + 41)[0] is False
    assert ask_at([limit], START + 42)[0] is True


@pytest.mark.parametrize("claim", [Claim(60_000_000, 0), Claim(0, 60_000_000)])
def test_redis__empty_and_told_what_was_admitted__does_not_admit_it_again(
    ask_at: Callable[..., tuple[bool, list[int]]], subject: str, claim: Claim
) -> None:
    limit = Limit(subject, Rate(30, 60))
    assert ask_at([limit], START, [claim]) == (False, [60_000_000])
    assert ask_at([limit], START) == (False, [60_000_000])  # and it has kept that
