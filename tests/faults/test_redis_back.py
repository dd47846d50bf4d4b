"""When Redis is back, it is used again within seconds, and nobody has to do anything for that."""

import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.history import pretty
from tests.faults.lookup_load import THREADS, Load, Window, load
from tests.faults.servers import Fault, frozen, killed
from tests.promises import Figure

BAR, SECONDS, WINDOW = 0.9, 6.0, 0.2
GIVEN_UP = 15.0
ROUNDS = 2 if LONG else 1


def hit_ratio(window: Window) -> float:
    return sum(lookup.source == "redis" for lookup in window.lookups) / max(len(window.lookups), 1)


def opened(environment: Environment, ours: Load, fault: Fault) -> int:
    """Break Redis until the breaker has opened; return the moment (monotonic, ns) at which Redis is well again."""
    with fault(environment.redis):
        ours.run(0.4)
        assert ours.breaker == "open"
        assert hit_ratio(ours.windows[-1]) < BAR, "the fault did not take effect"
    return time.monotonic_ns()


def back(ours: Load, since: int) -> float:
    """Return the seconds from `since` to the end of the first window with enough hits."""
    ours.windows.clear()
    while (took := (time.monotonic_ns() - since) / 1e9) < GIVEN_UP:
        ours.run(WINDOW)
        if hit_ratio(ours.windows[-1]) >= BAR and ours.breaker == "closed":
            return (time.monotonic_ns() - since) / 1e9
    return took


@pytest.mark.parametrize("fault", [frozen, killed])
def test_redis__back__used_again_within_seconds(
    environment: Environment, fresh: Callable[[], str], figure: Figure, fault: Fault
) -> None:
    names = [fresh() for _ in range(3 * THREADS)]
    environment.create(*names)
    with environment.workers() as new, load(new(PERSONALITY_NEAR_ENTRIES="0"), names) as ours:
        took = [back(ours, opened(environment, ours, fault)) for _ in range(ROUNDS)]
    figure(
        9,
        f"Redis was {fault.__name__} and is back: breaker closed, hit ratio >= {BAR}",
        f"within {pretty(SECONDS)}",
        measured=f"{pretty(max(took))} at the latest ({ROUNDS} times), then {hit_ratio(ours.windows[-1]):.3f}",
        met=max(took) <= SECONDS and ours.sources <= {"redis", "database"},
        why=f"{[pretty(each) for each in took]}; answers came from {ours.sources}",
    )
