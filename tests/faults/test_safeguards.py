"""Without a safeguard of lookups the judge of reads must object, or the other tests prove nothing."""

from tests.faults.conftest import Workers
from tests.faults.environment import Environment
from tests.faults.scenarios import race, unheard
from tests.promises import Figure


def test_safeguards__one_taken_away__judge_objects(
    environment: Environment, workers: Workers, name: str, figure: Figure
) -> None:
    """Without the feed there is what most caches have: Redis, and a deletion there after each save."""
    aftermaths = {
        (1, "comparing numbers"): unheard(environment, workers, f"{name}-a", "save", without=["compare"]),
        (3, "the feed (raw SQL)"): unheard(environment, workers, f"{name}-b", "raw_sql", without=["feed"]),
        (5, "the feed (slow fill)"): race(environment, workers, f"{name}-c", without=["feed"]),
        (5, "one statement for row and number"): race(environment, workers, f"{name}-d", without=["one statement"]),
    }
    stale = {case: len(aftermath.verdict().stale) for case, aftermath in aftermaths.items()}
    for (number, safeguard), count in stale.items():
        figure(number, f"without {safeguard}", "the judge objects", measured=f"{count} stale", met=count > 0)
