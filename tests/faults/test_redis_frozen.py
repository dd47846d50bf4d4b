"""A Redis that is silent costs lookups next to nothing, where a timeout alone would cost nearly all."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.history import pretty
from tests.faults.lookup_load import THREADS, Load, load, take_turns
from tests.promises import Figure

pytestmark = pytest.mark.measures
OPENING = 0.6  # seconds of lookups into which the fault falls
# So long that the first timeouts, which fall into it, are not most of what is measured.
ROUNDS, SECONDS, PEER_SECONDS = (21, 0.5, 3) if LONG else (45, 0.1, 0.5)
TIMEOUT = 0.1  # seconds: settings.REDIS_CACHE
BAR, SLOWEST, PEER_BAR = 0.8, 2 * TIMEOUT + 0.1, 50


class Outcome(NamedTuple):
    """Lookups a second: ours, those of a process without Redis, and of one that has a timeout and no breaker."""

    ours: float
    database: float
    peer: float
    slowest: float  # of ours, in seconds

    @property
    def share(self) -> float:
        return self.ours / self.database

    @property
    def is_good(self) -> bool:
        return self.share >= BAR and self.slowest <= SLOWEST


@pytest.fixture
def names(environment: Environment, fresh: Callable[[], str]) -> list[str]:
    made = [fresh() for _ in range(3 * THREADS)]
    environment.create(*made)
    return made


def outcome(environment: Environment, names: list[str], rounds: int, without: Sequence[str] = ()) -> Outcome:
    with environment.workers() as new:
        worker, peer = new(PERSONALITY_NEAR_ENTRIES="0", without=without), new(PERSONALITY_NEAR_ENTRIES="0")
        bare = new(PERSONALITY_NEAR_ENTRIES="0", REDIS_ENABLED="false")
        with load(worker, names) as ours, load(bare, names) as database, load(peer, names, "cache aside") as plain:
            for each in ours, plain:
                each.run(0.05)
                assert each.sources == {"redis"}, f"{each.sources} before the fault"
                each.windows.clear()
            try:
                measure(environment, ours, database, plain, rounds)
            finally:
                environment.redis.thaw()
        return Outcome(ours.rate, database.rate, plain.rate, ours.slowest)


def measure(environment: Environment, ours: Load, database: Load, plain: Load, rounds: int) -> None:
    with ours.going(OPENING):
        environment.redis.freeze()
    ours.leave_out("redis")
    take_turns([ours, database], rounds, SECONDS)
    plain.run(PEER_SECONDS)
    assert ours.sources == database.sources == plain.sources == {"database"}


@pytest.fixture(scope="module")
def found(environment: Environment) -> Outcome:
    names = [f"frozen-{number}" for number in range(3 * THREADS)]
    environment.create(*names)
    first = outcome(environment, names, ROUNDS)
    # Other tests may run beside it, and lookups that wait for a processor look slow; a fault of the service is there
    # each time.
    return first if first.is_good else outcome(environment, names, ROUNDS)


def test_lookups__redis_frozen__nearly_as_fast_as_the_database(found: Outcome, figure: Figure) -> None:
    rates = f"{found.ours:.0f}/s against {found.database:.0f}/s"
    figure(
        8,
        "Redis frozen: lookups a second, from the first moment on",
        f">= {BAR} x database-only, slowest <= {pretty(SLOWEST)}",
        measured=f"{found.share:.2f} ({rates}), slowest {pretty(found.slowest)}",
        met=found.is_good,
    )


def test_lookups__redis_frozen__far_ahead_of_a_timeout_alone(found: Outcome, figure: Figure) -> None:
    """The peer waits for its timeouts. Where PostgreSQL is slow, nothing can be so far ahead: then that is the bar."""
    bar = min(PEER_BAR * found.peer, BAR * found.database)
    figure(
        8.1,
        "the same, against django-redis with that timeout and no breaker",
        f">= {PEER_BAR} x, or {BAR} x database-only",
        measured=f"{found.ours / found.peer:.0f} x ({found.ours:.0f}/s against {found.peer:.0f}/s; "
        f"the database alone {found.database / found.peer:.0f} x)",
        met=found.ours >= bar,
    )


@pytest.mark.skipif(not LONG, reason="for the long form")
def test_lookups__redis_freezes_while_no_database_connection_is_open__slowest(
    environment: Environment, names: list[str], figure: Figure
) -> None:
    """A process that has long been served by Redis has none, and all its threads need one at the same moment."""
    with environment.workers() as new:
        for name in names:
            environment.writer.read(name)  # now Redis has them
        with load(new(PERSONALITY_NEAR_ENTRIES="0"), names) as ours:
            try:
                with ours.going(OPENING):
                    environment.redis.freeze()
            finally:
                environment.redis.thaw()
    figure(
        8.2,
        "the same, where no connection to PostgreSQL was open",
        f"slowest <= {pretty(SLOWEST)}",
        measured=pretty(ours.slowest),
        met=ours.slowest <= SLOWEST,
    )


def test_lookups__redis_frozen_without_breaker__test_would_notice(environment: Environment, names: list[str]) -> None:
    assert outcome(environment, names, 1, without=["breaker"]).share < BAR
