"""The generic cell rate algorithm (GCRA) as arithmetic, without clock or memory; and how rates and limits are written.

A backlog is the time until a limit is completely unused again, in whole microseconds so that nothing drifts. It shrinks
as time passes, each admitted request adds its cost, and a request is refused when its cost would overfill the backlog.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

MICROSECONDS = 1_000_000
UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
RATE_PATTERN = re.compile(r"([1-9][0-9]{0,5})/(?:([1-9][0-9]{0,3}) )?(second|minute|hour|day)s?")
RATE_RULE = "write a rate as 30/minute, or 100/15 minutes; the units are second, minute, hour and day"


class Rate(NamedTuple):
    """`limit` requests at once, then one per `interval`."""

    limit: int
    window: int  # seconds

    @property
    def interval(self) -> int:
        """Microseconds between two requests, rounded up: never more requests than configured."""
        return -(-self.window * MICROSECONDS // self.limit)

    @property
    def full(self) -> int:
        """The backlog at which the whole limit is used, in microseconds; about one window."""
        return self.limit * self.interval


class Limit(NamedTuple):
    """A rate and the subject it applies to. Its Redis key is `limit:{subject}`."""

    subject: str
    rate: Rate


class Verdict(NamedTuple):
    """Whether a request is admitted, and what is left of the most restrictive of its limits. Times are in seconds."""

    allowed: bool
    limit: int
    window: int
    remaining: int
    reset_seconds: float  # until the limit is completely unused again
    retry_after: float  # 0 when allowed


def parse_rate(text: str, setting: str) -> Rate:
    """Parse `30/minute` or `100/15 minutes`. Raises ImproperlyConfigured, which names `setting`."""
    match = RATE_PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise ImproperlyConfigured(f"{setting}: {text[:100]!a} is not a rate; {RATE_RULE}")
    limit, multiple, unit = match.groups()
    return Rate(int(limit), int(multiple or 1) * UNIT_SECONDS[unit])


def limits_of(what: str, user_id: int, user_rate: Rate, key_prefix: str | None, key_rate: Rate) -> list[Limit]:
    """The limits for `what`: the user's, and that of the API key with this prefix if there is one.

    Nothing else identifies a caller: addresses and headers are theirs to choose.
    """
    limits = [Limit(f"{what}:user:{user_id}", user_rate)]
    return limits if key_prefix is None else [*limits, Limit(f"{what}:key:{key_prefix}", key_rate)]


def fits(rate: Rate, backlog: int, cost: int) -> bool:
    """Whether a request of this cost is admitted on top of `backlog`; both in microseconds."""
    return backlog + cost <= rate.full


def judge(allowed: bool, rate: Rate, backlog: int, cost: int) -> Verdict:
    """Turn a decision into a Verdict. `backlog` already includes the cost if the request was allowed."""
    remaining = max(rate.full - backlog, 0) // cost
    wait = 0 if allowed else max(backlog + cost - rate.full, 0)
    return Verdict(allowed, rate.limit, rate.window, remaining, backlog / MICROSECONDS, wait / MICROSECONDS)


def most_restrictive(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict with the longest wait or, when all are allowed, the fewest requests remaining."""
    return max(verdicts, key=lambda verdict: (verdict.retry_after, -verdict.remaining))
