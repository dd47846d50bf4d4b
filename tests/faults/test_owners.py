"""What an owner has is known by one small entry, which Redis holds for every process."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.workers import Worker
from tests.promises import Figure

# A busy machine's Redis may take several tries, and a reader that gives up on it asks the database.
pytestmark = [pytest.mark.measures, pytest.mark.timeout(900)]
COUNT, NAMES, PROCESSES = 10_000 if LONG else 1_000, 8, 4
STRANGERS = range(10**9, 2 * 10**9, 10**8)  # where ids begin of which warming cannot know, for each try
MANY, CAPACITY = 30_000, 10_000  # owners that one process meets; settings.LOCAL_CACHE_ENTRIES
MEGABYTES = 15.0
BEFORE = f"{COUNT * NAMES * PROCESSES:,}"
USERS = """
INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined)
SELECT %s || number, '', '', '', '', false, false, true, now() FROM generate_series(1, %s) number RETURNING id
"""
SHADOWS = """
INSERT INTO personalities_personality
SELECT (json_populate_record(known, json_build_object('id', gen_random_uuid(), 'owner_id', owner))).*
FROM personalities_personality known, unnest(%s::int[]) AS owner WHERE owner_id IS NULL AND personality_name = %s
"""


class Outcome(NamedTuple):
    queries: int  # of all processes
    later: int  # of one that starts when all have been answered
    wrong: int  # answers


@pytest.fixture
def names(environment: Environment, fresh: Callable[[], str]) -> list[str]:
    made = [fresh() for _ in range(NAMES)]
    environment.create(*made)
    return made


def outcome(environment: Environment, owners: Sequence[int], names: Sequence[str], *shadowing: int) -> Outcome | None:
    """All owners read all names in each process. None if Redis did not answer in time, as on a busy machine.

    Each process begins with owners of its own: of two that ask for the same one at the same moment, both query.
    """
    if not environment.writer.ask("warm"):
        return None
    parts = [owners[index::PROCESSES] for index in range(PROCESSES)]
    rests = [[owner for other in parts if other is not part for owner in other] for part in parts]
    with environment.workers() as new:
        readers = [new() for _ in parts]
        first, second = (read(readers, turn, names, shadowing) for turn in (parts, rests))
        later = read([new()], [owners], names, shadowing)
    found = first + second
    wrong = found["wrong"] + later["wrong"]
    return None if (found + later)["errors"] else Outcome(found["queries"], later["queries"], wrong)


def read(
    readers: Sequence[Worker], owners: Sequence[Sequence[int]], names: Sequence[str], shadowing: Sequence[int]
) -> Counter[str]:
    """Let each reader read as its owners, all at a time; return what they counted together."""
    for reader, own in zip(readers, owners, strict=True):
        reader.send("read_as", owners=list(own), names=list(names), shadowing=shadowing)
    return sum((Counter(reader.answer()) for reader in readers), Counter())


def test_owners__unknown_to_warming__one_query_each(environment: Environment, names: list[str], figure: Figure) -> None:
    tries = (outcome(environment, range(start, start + COUNT), names) for start in STRANGERS)
    found = next(filter(None, tries))
    figure(
        "D20",
        f"{COUNT:,} new owners read {NAMES} warmed global names in {PROCESSES} processes",
        f"<= {COUNT:,} queries in all, 0 in a process that starts later",
        before=BEFORE,
        measured=f"{found.queries:,} queries, {found.later} later, {found.wrong} wrong answers",
        met=found.queries <= COUNT and found.later == found.wrong == 0,
    )


def test_owners__known_to_warming__no_query(
    environment: Environment, fresh: Callable[[], str], names: list[str], figure: Figure
) -> None:
    """Each tenth has one of those names too."""
    owners = [id for (id,) in environment.sql(USERS, fresh(), COUNT)]
    environment.sql(SHADOWS, owners[::10], names[0])
    tries = (outcome(environment, owners, names, *owners[::10]) for _ in STRANGERS)
    found = next(filter(None, tries))
    figure(
        "D20.1",
        f"{COUNT:,} users of before, and each tenth with one of those names",
        "0 queries",
        before=BEFORE,
        measured=f"{found.queries + found.later} queries, {found.wrong} wrong answers",
        met=found == Outcome(0, 0, 0),
    )


@pytest.mark.skipif(not LONG, reason="for the long form")
def test_owners__very_many__process_does_not_grow(environment: Environment, names: list[str], figure: Figure) -> None:
    with environment.workers() as new:
        worker = new()
        read([worker], [range(1, 200)], names[:1], ())
        before = worker.ask("memory")
        read([worker], [range(10**6, 10**6 + MANY)], names[:1], ())
        after = worker.ask("memory")
    growth = (after["bytes"] - before["bytes"]) / 1e6
    figure(
        "D20.2",
        f"{MANY:,} owners, met by one process",
        f"resident memory + <= {MEGABYTES:.0f} MB, <= {CAPACITY:,} entries kept",
        measured=f"memory + {growth:.1f} MB, {after['owners']:,} kept",
        met=growth <= MEGABYTES and after["owners"] <= CAPACITY,
    )
