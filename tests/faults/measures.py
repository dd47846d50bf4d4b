"""What a lab can be told, besides what every worker can. `labs.py` is the other side."""

import gc
from collections.abc import Callable
from typing import Any

import psutil

from accounts import copies as verdicts
from coherence.clock import clock
from coherence.feed import feed
from coherence.redis.pool import breaker_of
from personalities.copies import copies
from personalities.models import Personality
from tests.faults import crowds, doorman, loads


def invent(prefix: str, first: int, count: int, batch: int) -> int:
    """Look up names that nobody has, so many at a time; how many of them there are nonetheless."""
    names = [f"{prefix}-{number}" for number in range(first, first + count)]
    batches = [names[start : start + batch] for start in range(0, count, batch)]
    answers = [Personality.objects.lookup_many(names) for names in batches]
    return sum(answer.value is not None for found in answers for answer in found.values())


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
