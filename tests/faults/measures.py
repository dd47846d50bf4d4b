"""What a lab can be told, besides what every worker can. `labs.py` is the other side."""

import gc
from collections.abc import Callable
from typing import Any

import psutil

from accounts import copies as verdicts
from coherence.feed import feed
from personalities.copies import copies
from personalities.models import Personality
from resilience.clock import clock
from resilience.redis_pool import breaker_of
from tests.faults import crowds, doorman, loads


def invent(prefix: str, first: int, count: int, batch: int) -> int:
    """Look up names that nobody has, so many at a time; how many of them there are nonetheless.

    No name is held for longer than it takes: what the process grows by shall be the service's doing.
    """
    there = 0
    for start in range(first, first + count, batch):
        names = [f"{prefix}-{number}" for number in range(start, min(start + batch, first + count))]
        there += sum(answer.value is not None for answer in Personality.objects.lookup_many(names).values())
    return there


def memory() -> dict[str, int]:
    """What this process holds: bytes of memory, and copies."""
    gc.collect()
    kept = {"found": len(copies.found), "absent": len(copies.absent), "keys": len(verdicts.keys.absent)}
    return {"bytes": psutil.Process().memory_info().rss, **kept}


def age(name: str) -> float:
    return Personality.objects.lookup(name).age


def later(seconds: float) -> None:
    """From now on the change feed's clock is that much ahead."""
    feed.clock = lambda: clock() + seconds


def breaker() -> str:
    found = breaker_of()
    return found.state if found else "none"


MEASURES: dict[str, Callable[..., Any]] = {
    "invent": invent,
    "memory": memory,
    "age": age,
    "later": later,
    "breaker": breaker,
    **crowds.COMMANDS,
    **doorman.COMMANDS,
    **loads.COMMANDS,
}
