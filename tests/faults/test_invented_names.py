"""Promise 11: who invents names, or API keys, fills nobody's memory."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG, Figure
from tests.faults.labs import labs
from tests.faults.stage import Stage
from tests.faults.workers import Worker

NAMES = 100_000 if LONG else 25_000
KEYS = 100_000 if LONG else 11_000
SINGLY, BATCH = (10_000, 100) if LONG else (200, 500)  # one name at a time first, then so many
LENGTH = 90  # and a number: nearly as long as names can be
CAPACITY = 10_000  # settings.PERSONALITY_NEAR_ENTRIES
BAR = 10.0  # MB


class Held(NamedTuple):
    redis_keys: int
    megabytes: float  # resident memory of the process
    copies: int  # of personalities
    absences: int  # of personalities
    strange_keys: int


Change = tuple[Held, Held]  # before and after


def held(stage: Stage, lab: Worker) -> Held:
    found = lab.ask("memory")
    return Held(stage.redis.client.dbsize(), found["bytes"] / 1e6, found["found"], found["absent"], found["keys"])


def invent_names(lab: Worker, prefix: str, count: int, singly: int) -> None:
    prefix = prefix.ljust(LENGTH, "x")
    assert lab.ask("invent", prefix=prefix, first=0, count=singly, batch=1) == 0
    for first in range(singly, count, 10_000):
        assert lab.ask("invent", prefix=prefix, first=first, count=min(10_000, count - first), batch=BATCH) == 0


def invent_keys(lab: Worker, count: int) -> None:
    for _ in range(0, count, 500):
        assert lab.ask("invent_keys", count=min(500, count)) == 0


def around(stage: Stage, names: list[str], invent: Callable[[Worker], None], *, without: Sequence[str] = ()) -> Change:
    """Before: the process has served every real name and met 200 strangers, so that all code has run once."""
    with labs(stage) as new:
        lab = new(without=without)
        for name in names:
            lab.read(name)
        invent_names(lab, names[0], 200, 100)
        invent_keys(lab, 100)
        before = held(stage, lab)
        invent(lab)
        return before, held(stage, lab)


@pytest.fixture
def names(stage: Stage, fresh: Callable[[], str]) -> list[str]:
    made = [fresh() for _ in range(50)]
    stage.create(*made)
    return made


def test_invented_names__very_many__neither_redis_nor_the_process_grows(
    stage: Stage, names: list[str], figure: Figure
) -> None:
    before, after = around(stage, names, lambda lab: invent_names(lab, names[1], NAMES, SINGLY))
    growth, keys = after.megabytes - before.megabytes, after.redis_keys - before.redis_keys
    figure(
        11,
        f"{NAMES} invented names, met by one process",
        f"Redis keys + 0, resident memory + <= {BAR:.0f} MB, <= {CAPACITY} absences kept, real copies stay",
        measured=f"keys + {keys}, memory + {growth:.1f} MB, {after.absences} kept, {after.copies} of {len(names)} stay",
        met=keys == 0 and growth <= BAR and after.absences <= CAPACITY and after.copies == len(names),
        why=f"{before} became {after}",
    )


def test_invented_keys__very_many__process_does_not_grow(stage: Stage, names: list[str], figure: Figure) -> None:
    before, after = around(stage, names, lambda lab: invent_keys(lab, KEYS))
    growth = after.megabytes - before.megabytes
    figure(
        11.1,
        f"{KEYS} invented API keys, met by one process",
        f"resident memory + <= {BAR:.0f} MB, <= {CAPACITY} kept",
        measured=f"memory + {growth:.1f} MB, {after.strange_keys} kept",
        met=growth <= BAR and after.strange_keys <= CAPACITY,
        why=f"{before} became {after}",
    )


@pytest.mark.skipif(not LONG, reason="for the long form")
def test_invented_names__unbounded__test_would_notice(stage: Stage, names: list[str]) -> None:
    before, after = around(stage, names, lambda lab: invent_names(lab, names[1], NAMES, SINGLY), without=["bound"])
    assert after.megabytes - before.megabytes > BAR
    assert after.absences > CAPACITY
