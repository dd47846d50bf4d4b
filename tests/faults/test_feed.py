"""After COMMIT nobody serves anything older, even while the change feed cannot reach PostgreSQL."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.faults.conftest import LONG, Workers
from tests.faults.environment import FEEDS, Environment
from tests.faults.history import Commit
from tests.faults.scenarios import BOUND, watched
from tests.promises import Figure

CUT = f"SELECT pg_terminate_backend(pid) FROM ({FEEDS}) feeds"


def test_feed__connections_cut__noticed_within_the_bound(
    environment: Environment, workers: Workers, name: str, figure: Figure
) -> None:
    """As by a proxy, an administrator or a failover. Writes are rare, as a read of the database brings news as well."""
    writes = 30 if LONG else 10
    readers, before = workers(3), environment.create(name)
    with cut_again_and_again(environment, 0.5) as cut:
        verdict = watched(
            readers, [name], before, lambda: environment.writer.write_many("raw_sql", [name], 2, writes, pause=0.6)
        )
    assert len(cut) >= writes, "the connections were not cut"
    figure(
        1,
        "a commit is noticed while the feed's connections are cut",
        f"0 reads older than {BOUND} s",
        measured=f"{verdict} ({writes} writes)",
        met=verdict.holds,
        why=verdict.evidence(),
    )


@pytest.mark.skipif(not LONG, reason="four seconds")
def test_feed__connections_hang__noticed_within_the_bound(
    environment: Environment, workers: Workers, fresh: Callable[[], str], figure: Figure
) -> None:
    names = [fresh() for _ in range(10)]
    readers, before = workers(3), environment.create(*names)

    def write() -> list[Commit]:
        with environment.hanging_feeds():  # for longer than the bound
            return environment.writer.write_many("raw_sql", names, 2, 10_000, pause=0.01, seconds=2 * BOUND)

    verdict = watched(readers, names, before, write)
    figure(
        1,
        "a commit is noticed while the feed's connections hang",
        f"0 reads older than {BOUND} s",
        measured=str(verdict),
        met=verdict.holds,
        why=verdict.evidence(),
    )


@contextmanager
def cut_again_and_again(environment: Environment, seconds: float) -> Iterator[list[object]]:
    over, cut = threading.Event(), list[object]()

    def run() -> None:
        while not over.wait(seconds):
            cut.extend(environment.sql(CUT))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield cut
    finally:
        over.set()
        thread.join()
    assert cut, "no feed was cut"
