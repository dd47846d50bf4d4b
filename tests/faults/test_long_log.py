"""A long log voids only what has changed, and is pruned as fast as it is written."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coherence.change_log import RETENTION_DAYS
from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.failover import Copied
from tests.faults.history import pretty
from tests.faults.test_owners import USERS
from tests.faults.workers import Worker
from tests.promises import Figure
from tests.waiting import wait_until

NAMES = 200
MANY = 50_000
OWNERS = 200
MIB = 1024 * 1024
A_SECOND, DAY = 50, 86_400
LINES = A_SECOND * DAY if LONG else 100_000
BAR = 500  # lines a second
NEWEST = "SELECT max(number) FROM coherence_change"
IMPORT = "SELECT coherence_note('personality:global:imported-' || i) FROM generate_series(1, %s) i"
IMPORT_OF_ONE = "SELECT coherence_note('personality:' || %s::int || ':imported-' || i) FROM generate_series(1, %s) i"
DAY_OF_CHANGES = f"""
INSERT INTO coherence_change (number, key)
SELECT ({NEWEST}) + i, 'personality:global:other-' || i FROM generate_series(1, %s) i
"""
OLD = f"""
INSERT INTO coherence_change (number, key)
SELECT (extract(epoch FROM now() - interval '{RETENTION_DAYS + 1} days') * 1000)::bigint + i, 'old-' || i
FROM generate_series(1, %s) i
"""

# Beside other tests a process may time out over the long log, and then reads rows: that is right, but not the promise.
pytestmark = [pytest.mark.measures, pytest.mark.timeout(300 if LONG else 120)]


@pytest.fixture
def database(environment: Environment, tmp_path: Path) -> Iterator[Copied]:
    """One of this test's own, whose log may become long."""
    copied = Copied(tmp_path / "server", environment.postgres, standby=False)
    yield copied
    copied.stop()


@pytest.fixture
def names(environment: Environment, fresh: Callable[[], str]) -> list[str]:
    """Made before the database is copied."""
    names = [fresh() for _ in range(NAMES)]
    environment.create(*names)
    return names


@pytest.fixture
def new(names: list[str], environment: Environment, database: Copied) -> Iterator[Callable[[], Worker]]:
    """Makes processes that serve from `database`, and from a Redis that no other test shares with them."""
    with environment.workers() as make:
        yield lambda: make(DATABASE_URL=database.url, REDIS_KEY_PREFIX=f"{names[0]}:")


def sources(reader: Worker, names: list[str]) -> Counter[str]:
    return Counter(reader.read(name).source for name in names)


def memory(reader: Worker) -> float:
    return float(reader.ask("memory")["bytes"]) / MIB


def test_log__one_commit_of_very_many_keys__voids_only_those(
    names: list[str], database: Copied, new: Callable[[], Worker], figure: Figure
) -> None:
    reader = new()
    sources(reader, names)
    before, number = memory(reader), database.sql(NEWEST)
    database.sql(IMPORT, MANY)
    changed = database.sql(NEWEST)
    assert changed > number
    wait_until(lambda: [(reader.ask("number"),)] == changed)
    held = memory(reader) - before
    found, fresh = sources(reader, names), sources(new(), names)
    figure(
        "B12",
        f"one commit that changes {MANY} keys",
        f"{NAMES} others answered from memory, in a new process from Redis",
        measured=f"{found['near']} and {fresh['redis']}; the process remembers it in {held:.0f} MiB",
        met=found == {"near": NAMES} and fresh == {"redis": NAMES},
        why=f"{found}, {fresh}",
        before="0 and 0",
    )


def test_log__one_commit_of_very_many_keys__a_new_process_asks_once_for_all_owners(
    names: list[str], database: Copied, new: Callable[[], Worker], figure: Figure
) -> None:
    owners = [id for (id,) in database.sql(USERS, "owner", OWNERS)]
    assert new().ask("warm")
    database.sql(IMPORT_OF_ONE, owners.pop(), MANY)
    starter = new()
    sources(starter, names[:1])  # about the copy of which the log is asked, too
    found = starter.ask("read_as", owners=owners, names=names[:1], shadowing=[])
    figure(
        "D20.3",
        f"{len(owners)} owners in a process that starts after another's import of {MANY} rows",
        "1 question to the log, and no query for rows",
        measured=f"{found['queries']} queries, {found['wrong']} wrong answers",
        met=(found["queries"], found["wrong"]) == (1, 0),
        why=str(found),
        before=str(len(owners)),
    )


def test_log__a_process_that_starts_after_a_day_of_changes__believes_what_lies_in_redis(
    names: list[str], database: Copied, new: Callable[[], Worker], figure: Figure
) -> None:
    sources(new(), names)
    database.sql(DAY_OF_CHANGES, LINES)
    database.sql(f"SELECT setval('coherence_number', ({NEWEST}))")
    starter = new()
    start = time.monotonic()
    starter.read(names[0])
    first = time.monotonic() - start
    found = sources(starter, names[1:])
    hours = LINES / A_SECOND / 3600
    figure(
        "B12",
        f"a process that starts after {hours:.1f} h of {A_SECOND} changes a second",
        "every sound copy in Redis counts",
        measured=f"{found['redis']} of {NAMES - 1}; first read {pretty(first)}, then {memory(starter):.0f} MiB in all",
        met=found == {"redis": NAMES - 1},
        why=str(found),
        before="0",
    )


def test_log__lines_older_than_they_are_kept__pruned_faster_than_they_are_written(
    names: list[str], database: Copied, new: Callable[[], Worker], figure: Figure
) -> None:
    """By one process. Writers meanwhile wait for nobody."""
    count, seconds = (60_000, 40.0) if LONG else (12_000, 8.0)
    database.sql(OLD, count)
    reader = new()
    reader.read(names[0])

    def left() -> int:
        return int(database.sql("SELECT count(*) FROM coherence_change WHERE key LIKE 'old-%%'")[0][0])

    start, slowest = time.monotonic(), 0.0
    while left() and time.monotonic() - start < 2 * seconds:
        began = time.monotonic()
        database.sql("SELECT coherence_note('new')")
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.1)
    rate = (count - left()) / (time.monotonic() - start)
    figure(
        "B12",
        "the log is pruned by one process",
        f">= {BAR} lines a second",
        measured=f"{rate:.0f} lines a second; the slowest of the commits meanwhile took {pretty(slowest)}",
        met=rate >= BAR,
        before="100",
    )
