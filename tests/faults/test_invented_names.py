"""Invented names and invented API keys fill no memory."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.workers import Worker
from tests.promises import Figure

NAMES = 100_000 if LONG else 25_000
KEYS = 100_000 if LONG else 11_000
SINGLY, BATCH = (10_000, 100) if LONG else (200, 500)  # one name at a time first, then so many
LENGTH = 90  # and a number: nearly as long as names can be
CAPACITY = 10_000  # settings.LOCAL_CACHE_ENTRIES
BAR = 10.0  # MB


class Held(NamedTuple):
    redis_keys: int
    megabytes: float  # resident memory of the process
    copies: int  # of personalities
    absences: int  # of personalities
    strange_keys: int


Change = tuple[Held, Held]  # before and after


def held(environment: Environment, worker: Worker) -> Held:
    found = worker.ask("memory")
    return Held(environment.redis.client.dbsize(), found["bytes"] / 1e6, found["found"], found["absent"], found["keys"])


def invent_names(worker: Worker, prefix: str, count: int, singly: int) -> None:
    prefix = prefix.ljust(LENGTH, "x")
    assert worker.ask("invent", prefix=prefix, first=0, count=singly, batch=1) == 0
    for first in range(singly, count, 10_000):
        assert worker.ask("invent", prefix=prefix, first=first, count=min(10_000, count - first), batch=BATCH) == 0


def invent_keys(worker: Worker, count: int) -> None:
    for _ in range(0, count, 500):
        assert worker.ask("invent_keys", count=min(500, count)) == 0


def around(
    environment: Environment, names: list[str], invent: Callable[[Worker], None], *, without: Sequence[str] = ()
) -> Change:
    """Measure before and after. Before, the process has served every real name and 200 invented ones."""
    environment.redis.client.flushdb()  # keys of other tests would expire meanwhile
    with environment.workers() as new:
        worker = new(without=without)
        for name in names:
            worker.read(name)
        invent_names(worker, names[0], 200, 100)
        invent_keys(worker, 100)
        before = held(environment, worker)
        invent(worker)
        return before, held(environment, worker)


@pytest.fixture
def names(environment: Environment, fresh: Callable[[], str]) -> list[str]:
    made = [fresh() for _ in range(50)]
    environment.create(*made)
    return made


def test_invented_names__very_many__neither_redis_nor_the_process_grows(
    environment: Environment, names: list[str], figure: Figure
) -> None:
    before, after = around(environment, names, lambda worker: invent_names(worker, names[1], NAMES, SINGLY))
    growth, keys = after.megabytes - before.megabytes, after.redis_keys - before.redis_keys
    figure(
        11,
        f"{NAMES} invented names, met by one process",
        f"Redis keys + 0, resident memory + <= {BAR:.0f} MB, <= {CAPACITY} absences kept, real copies stay",
        measured=f"keys + {keys}, memory + {growth:.1f} MB, {after.absences} kept, {after.copies} of {len(names)} stay",
        met=keys == 0 and growth <= BAR and after.absences <= CAPACITY and after.copies == len(names),
        why=f"{before} became {after}",
    )


def test_invented_keys__very_many__process_does_not_grow(
    environment: Environment, names: list[str], figure: Figure
) -> None:
    before, after = around(environment, names, lambda worker: invent_keys(worker, KEYS))
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
def test_invented_names__unbounded__test_would_notice(environment: Environment, names: list[str]) -> None:
    before, after = around(
        environment, names, lambda worker: invent_names(worker, names[1], NAMES, SINGLY), without=["bound"]
    )
    assert after.megabytes - before.megabytes > BAR
    assert after.absences > CAPACITY
