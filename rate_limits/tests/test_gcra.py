"""How a rate is written, and which limits apply to a caller."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from rate_limits.gcra import Limit, Rate, limits_of, parse_rate


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
