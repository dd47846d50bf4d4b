"""The generic cell rate algorithm, as arithmetic: no clock, no memory.

A backlog is how long it takes until a limit is wholly unused again, in microseconds. It shrinks as time passes, each
admission adds its cost, and nobody is admitted whose cost would make it more than full.
"""

from collections.abc import Iterable
from typing import NamedTuple

from rate_limits.rate import MICROSECONDS, Rate


class Verdict(NamedTuple):
    """May they? And what is left of the limit that is nearest. Times are in seconds; `window` is the rate's."""

    allowed: bool
    limit: int
    window: int
    remaining: int
    reset_seconds: float  # until all of it is left
    retry_after: float  # 0 when allowed


def fits(rate: Rate, backlog: int, cost: int) -> bool:
    return backlog + cost <= rate.full


def judge(allowed: bool, rate: Rate, backlog: int, cost: int) -> Verdict:
    """`backlog` has the cost in it if they were allowed."""
    remaining = max(rate.full - backlog, 0) // cost
    wait = 0 if allowed else max(backlog + cost - rate.full, 0)
    return Verdict(allowed, rate.limit, rate.window, remaining, backlog / MICROSECONDS, wait / MICROSECONDS)


def nearest(verdicts: Iterable[Verdict]) -> Verdict:
    """Of several limits the one that matters: which makes them wait longest, or of which least is left."""
    return max(verdicts, key=lambda verdict: (verdict.retry_after, -verdict.remaining))
