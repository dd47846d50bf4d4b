"""Some threads ask the feed while another takes lines in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from time import monotonic
from typing import Any

import pytest

from coherence.feed import ChangeFeed
from coherence.tests.feed.answers import is_current, may_be_outdated
from coherence.tests.feed.conftest import KEYS

pytestmark = pytest.mark.django_db(transaction=True)
HISTORY = (-1, "one")


class Told:
    """A cursor that answers what the test says."""

    def __init__(self, rows: list[tuple[int, str]]) -> None:
        self._rows = rows

    def execute(self, sql: str, parameters: Any) -> None:
        pass

    def fetchall(self) -> Any:
        return self._rows


class Overtaken:
    """A cursor whose first answer comes after another thread has found out that the log is another one."""

    def __init__(self, meanwhile: Callable[[], None], *answers: list[tuple[int, str]]) -> None:
        self._meanwhile, self._answers = meanwhile, list(answers)

    def execute(self, sql: str, parameters: Any) -> None:
        pass

    def fetchall(self) -> Any:
        answer = self._answers.pop(0)
        if len(self._answers) == 1:
            self._meanwhile()
        return answer


def test_poll__overtaken_by_another_that_started_over__asks_again() -> None:
    """A thread that has committed knows of its commit when `poll` returns, even if its first answer was dropped."""
    feed = ChangeFeed()
    older = [(5, "a"), HISTORY]  # read before our commit, taken in after it
    newer = [(6, "b"), (5, ""), HISTORY]
    feed.poll(Overtaken(lambda: feed.poll(Told(older)), [(6, "b"), (5, "a"), HISTORY], newer))
    assert feed.number == 6
    assert feed.latest["b"] == 6


def test_poll__overtaken_by_another_that_read_less__the_rest_is_taken_in() -> None:
    feed = ChangeFeed()
    feed.poll(Told([(1, "a"), HISTORY]))
    earlier = [(5, "b"), (1, ""), HISTORY]
    feed.poll(Overtaken(lambda: feed.poll(Told(earlier)), [(6, "c"), *earlier], [(6, ""), HISTORY]))
    assert (feed.number, feed.latest["b"], feed.latest["c"]) == (6, 5, 6)


@pytest.mark.usefixtures("_low_limit", "_hurry")
def test_current__asked_while_lines_are_taken__never_of_a_copy_known_as_outdated() -> None:
    """The log is made up: PostgreSQL could not write so fast that half of the questions meet a change."""
    feed, known, over = ChangeFeed(), dict.fromkeys(KEYS, 0), monotonic() + 2
    feed.poll(Told([HISTORY]))

    def ask() -> int:
        asked = 0
        while monotonic() < over:
            for key in KEYS:
                number = known[key]
                assert not is_current(feed, key, number - 1)
                assert may_be_outdated(feed, key, number - 1)
                asked += 1
        return asked

    with ThreadPoolExecutor(2) as threads:
        askers = [threads.submit(ask) for _ in range(2)]
        for number, key in enumerate(cycle(KEYS), 1):
            begins = number % 7 == 0  # pruned beyond what we know: start over
            feed.poll(Told([(number, key), *([] if begins else [(number - 1, "")]), HISTORY]))
            known[key] = number
            if monotonic() > over:
                break
        assert all(asker.result() for asker in askers)
