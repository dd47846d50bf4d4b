"""Any history of commits, polls and restored backups: no copy counts that was outlived, and every other one does."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from coherence.feed import ChangeFeed
from coherence.log import Position
from coherence.tests.change_log import empty_and_run_ahead, history, note, restore
from coherence.tests.feed.answers import Late
from coherence.tests.feed.conftest import KEYS, LIMIT

pytestmark = pytest.mark.django_db(transaction=True)


class History:
    """Commits, polls and restored backups in any order, and which copies may count after each."""

    def __init__(self) -> None:
        empty_and_run_ahead(5000)  # so that a number which was lost comes again
        self.feed = ChangeFeed()
        self.commits: list[tuple[int, set[str]]] = [(note("*"), {"*"})]
        self.lost: set[Position] = set()  # once the feed can know
        self.feed.catch_up()

    def note(self, keys: set[str]) -> None:
        self.commits.append((note(*keys), keys))

    def poll(self, _: object = None) -> None:
        self.feed.catch_up()
        self.check()

    def late(self, keys: set[str]) -> None:
        """A poll whose answer is overtaken by a commit and another poll."""

        def meanwhile() -> None:
            self.note(keys)
            self.poll()

        self.feed.poll(Late(meanwhile))
        self.check()

    def restore(self, keys: set[str]) -> None:
        """To before the last commit, if the feed knew that one."""
        if len(self.commits) > 1 and self.feed.number == self.commits[-1][0]:
            self.lost |= self.positions()
            self.commits.pop()
            restore(self.commits[-1][0])
            self.poll()

    def positions(self) -> set[Position]:
        """At which copies may have been read since the history began."""
        return {Position(history(), number) for number, _ in self.commits}

    def check(self) -> None:
        """Of copies read at any commit, which count, and has what they show changed since? All commits are known."""
        positions = self.positions()
        assert len(self.feed.latest) <= LIMIT
        for key in KEYS:
            changed = max(number for number, keys in self.commits if keys & {key, "*"})
            for position in self.lost | positions:
                if self.feed.is_unsure(key, position):
                    self.feed.ask([key])
                is_true = position.number >= changed and position not in self.lost
                assert self.feed.is_current(key, position) is is_true
        assert len(self.feed.latest) <= LIMIT


STEPS = st.sampled_from([History.note, History.note, History.poll, History.late, History.restore])
CHANGES = st.sets(st.sampled_from([*KEYS, "*"]), min_size=1)


@pytest.mark.usefixtures("_low_limit", "_numbers_of_its_own")
@hypothesis_settings(
    derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(STEPS, CHANGES), max_size=15))
def test_current__any_history__of_every_copy_that_was_not_outlived(steps: list[Any]) -> None:
    history = History()
    for step, keys in steps:
        step(history, keys)
    history.poll()
