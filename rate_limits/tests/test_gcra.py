"""How a rate is written, and which limits apply to a caller."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from rate_limits.gcra import Limit, Rate, Verdict, fits, judge, limits_of, most_restrictive, parse_rate

RATE = Rate(4, 60)
SECOND = 1_000_000  # the unit of a backlog
COST = 15 * SECOND


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("30/minute", Rate(30, 60)),
        ("1/second", Rate(1, 1)),
        ("100/15 minutes", Rate(100, 900)),
        ("5000/hour", Rate(5000, 3600)),
        ("7/2 days", Rate(7, 172800)),
    ],
)
def test_parse__a_rate__read(text: str, rate: Rate) -> None:
    assert parse_rate(text, "CHAT_RATE") == rate


@pytest.mark.parametrize(
    "text",
    ["", "30", "0/minute", "-1/minute", "30/month", "30/0 minutes", "3.5/minute", "30 / minute", "٣/minute", "∞"],
)
def test_parse__no_rate__names_the_setting(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^CHAT_RATE: "):
        parse_rate(text, "CHAT_RATE")


@pytest.mark.parametrize("rate", [Rate(30, 60), Rate(7, 60), Rate(99_999, 1)])
def test_interval__not_a_whole_number__rounded_so_that_none_is_given_away(rate: Rate) -> None:
    assert rate.interval * rate.limit >= rate.window * 1_000_000 > (rate.interval - 1) * rate.limit


def test_limits_of__with_a_key__the_users_and_the_keys() -> None:
    minute, hour = Rate(30, 60), Rate(10, 3600)
    both = limits_of("chat", 7, minute, "ab12cd34", hour)
    assert both == [Limit("chat:user:7", minute), Limit("chat:key:ab12cd34", hour)]
    assert limits_of("chat", 7, minute, None, hour) == both[:1]


def test_fits__up_to_the_last_request_of_the_limit__and_not_a_microsecond_above() -> None:
    assert fits(RATE, 45 * SECOND, COST)
    assert not fits(RATE, 45 * SECOND + 1, COST)


@pytest.mark.parametrize(
    ("allowed", "backlog", "verdict"),
    [
        (True, 15, Verdict(True, 4, 60, remaining=3, reset_seconds=15, retry_after=0)),
        (True, 60, Verdict(True, 4, 60, remaining=0, reset_seconds=60, retry_after=0)),
        (False, 60, Verdict(False, 4, 60, remaining=0, reset_seconds=60, retry_after=15)),
        (False, 50, Verdict(False, 4, 60, remaining=0, reset_seconds=50, retry_after=5)),
        (False, 72, Verdict(False, 4, 60, remaining=0, reset_seconds=72, retry_after=27)),  # overfull by a fifth
        (False, 0, Verdict(False, 4, 60, remaining=4, reset_seconds=0, retry_after=0)),  # another limit refused
    ],
)
def test_judge__each_backlog__what_is_left_and_when(allowed: bool, backlog: int, verdict: Verdict) -> None:
    assert judge(allowed, RATE, backlog * SECOND, COST) == verdict


def test_most_restrictive__the_longest_wait_and_else_the_fewest_left() -> None:
    def verdict(remaining: int, retry_after: float) -> Verdict:
        return Verdict(not retry_after, 4, 60, remaining, 0, retry_after)

    assert most_restrictive([verdict(9, 5), verdict(0, 7), verdict(1, 6)]) == verdict(0, 7)
    assert most_restrictive([verdict(2, 0), verdict(1, 0), verdict(3, 0)]) == verdict(1, 0)
