"""With Redis gone, lookups are as fast as PostgreSQL, which knows all the answers."""

import statistics
from collections.abc import Callable, Sequence

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.lookup_load import THREADS, load, take_turns
from tests.faults.servers import killed
from tests.promises import Figure

PAIRS = 5  # of processes: two that do the same differ by some hundredths for as long as they live
ROUNDS, SECONDS = 25, 0.2  # so many that a busy machine's bad seconds are not the median
BAR = 0.9


@pytest.mark.skipif(not LONG, reason="for the long form: beside other tests it would measure those")
def test_lookups__redis_refused__as_fast_as_the_database(
    environment: Environment, fresh: Callable[[], str], figure: Figure
) -> None:
    names = [fresh() for _ in range(3 * THREADS)]
    environment.create(*names)
    with killed(environment.redis):
        shares = [share(environment, names) for _ in range(PAIRS)]
    figure(
        7,
        f"Redis refused: lookups a second, of {PAIRS} pairs of processes",
        f">= {BAR} x database-only",
        measured=f"{statistics.fmean(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})",
        met=statistics.fmean(shares) >= BAR,
    )


def share(environment: Environment, names: Sequence[str]) -> float:
    with environment.workers() as new:
        worker, bare = new(PERSONALITY_NEAR_ENTRIES="0"), new(PERSONALITY_NEAR_ENTRIES="0", REDIS_ENABLED="false")
        with load(worker, names) as ours, load(bare, names) as database:
            take_turns([ours, database], ROUNDS, SECONDS)
    assert ours.sources == database.sources == {"database"}
    return ours.share_of(database)
