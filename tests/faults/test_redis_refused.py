"""Promise 7: with Redis gone, lookups are as fast as PostgreSQL, which knows all the answers."""

from collections.abc import Callable

import pytest

from tests.faults.conftest import LONG, Figure
from tests.faults.ills import killed
from tests.faults.labs import labs
from tests.faults.rates import THREADS, load, take_turns
from tests.faults.stage import Stage

ROUNDS, SECONDS = 61, 0.4  # so many that a busy machine's bad seconds are not the median
BAR = 0.9


@pytest.mark.skipif(not LONG, reason="for the long form: beside other tests it would measure those")
def test_lookups__redis_refused__as_fast_as_the_database(
    stage: Stage, fresh: Callable[[], str], figure: Figure
) -> None:
    names = [fresh() for _ in range(3 * THREADS)]
    stage.create(*names)
    with labs(stage) as new, killed(stage.redis):
        lab, bare = new(PERSONALITY_NEAR_ENTRIES="0"), new(PERSONALITY_NEAR_ENTRIES="0", REDIS_ENABLED="false")
        with load(lab, names) as ours, load(bare, names) as database:
            take_turns([ours, database], ROUNDS, SECONDS)
    share = ours.share_of(database)
    figure(
        7,
        "Redis refused: lookups a second",
        f">= {BAR} x database-only",
        measured=f"{share:.2f} ({ours.rate:.0f}/s against {database.rate:.0f}/s)",
        met=share >= BAR and ours.sources == database.sources == {"database"},
        why=f"from {ours.sources} and {database.sources}",
    )
