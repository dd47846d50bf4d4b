"""A name without any copy costs PostgreSQL one query a process, however many ask for it."""

from collections.abc import Callable, Sequence

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, at_once
from tests.faults.history import Read, pretty
from tests.faults.workers import Worker
from tests.promises import Figure

PROCESSES, THREADS, ROUNDS = 4, 50, 8 if LONG else 2
BAR = PROCESSES


def stampede(crowd: list[Worker], name: str) -> tuple[int, list[Read]]:
    """All read the name at one moment: how often they asked for the row, and what they read."""
    asked, reads = at_once(crowd, [name] * THREADS)
    assert len(reads) == PROCESSES * THREADS
    return asked, reads


def stampedes(
    environment: Environment, names: Sequence[str], *, without: Sequence[str] = ()
) -> list[tuple[int, list[Read]]]:
    """On a new name each time; on each once more when it has changed; on the last when everything is forgotten."""
    with environment.workers() as new:
        crowd = [new(without=without) for _ in range(PROCESSES)]
        for worker in crowd:
            worker.read("nobody")  # the change feed is running
        found = []
        for name in names:
            environment.create(name)
            found.append(stampede(crowd, name))
            environment.writer.write("raw_sql", name, 2)
            found.append(stampede(crowd, name))
        environment.sql("SELECT coherence_note('*')")
        return [*found, stampede(crowd, names[-1])]


@pytest.fixture
def names(fresh: Callable[[], str]) -> list[str]:
    return [fresh() for _ in range(ROUNDS)]


def test_stampede__cold_name__one_query_a_process(environment: Environment, names: list[str], figure: Figure) -> None:
    found = stampedes(environment, names)
    asked = sorted(count for count, _ in found)
    reads = [read for _, reads in found for read in reads]
    slowest = max(read.end - read.start for read in reads) / 1e9
    assert min(asked) >= 1, "it was not cold"
    figure(
        10,
        f"{PROCESSES * THREADS} cold readers of one name in {PROCESSES} processes",
        f"<= {BAR} queries",
        measured=f"{asked[len(asked) // 2]}, at most {asked[-1]} ({len(asked)} times), slowest read {pretty(slowest)}",
        met=asked[-1] <= BAR and not any(read.error for read in reads),
        why=f"queries: {asked}; errors: {[read for read in reads if read.error][:3]}",
    )


@pytest.mark.skipif(not LONG, reason="for the long form")
def test_stampede__no_single_flight__test_would_notice(environment: Environment, name: str) -> None:
    assert max(asked for asked, _ in stampedes(environment, [name], without=["single flight"])) > BAR
