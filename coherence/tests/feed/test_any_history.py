"""Any history of commits, polls and restored backups: no copy counts that was outlived, and every other one does."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from coherence import change_log
from coherence.change_log import CopyRef, LogEntry, Position
from coherence.feed import ChangeFeed
from coherence.models import EVERYTHING
from coherence.tests.feed.answers import Late
from coherence.tests.feed.conftest import KEYS, LIMIT
from coherence.tests.log_access import empty_and_run_ahead, history, record, restore

pytestmark = pytest.mark.django_db(transaction=True)
IN_GROUPS = ("a:1:x", "a:1:y", "a:2:x", "a:2:y", "b:1", "b:1:x")
ROOM = 2 * len(IN_GROUPS) + LIMIT  # for all of these, their groups and the lines of another question


def group_of(key: str) -> str:
    return LogEntry(0, key).group


class History:
    """Commits, polls and restored backups in any order, and which copies may count after each."""

    def __init__(self) -> None:
        empty_and_run_ahead(5000)  # so that a number which was lost comes again
        self.feed = ChangeFeed()
        self.commits: list[tuple[int, set[str]]] = [(record("*"), {"*"})]
        self.lost: set[Position] = set()  # once the feed can know
        self.feed.catch_up()

    def record(self, keys: set[str]) -> None:
        self.commits.append((record(*keys), keys))

    def poll(self, _: object = None) -> None:
        self.feed.catch_up()
        self.check()

    def late(self, keys: set[str]) -> None:
        """A poll whose answer is overtaken by a commit and another poll."""

        def meanwhile() -> None:
            self.record(keys)
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
                    self.feed.ask([CopyRef(position.number, key)])
                is_true = position.number >= changed and position not in self.lost
                assert self.feed.is_current(key, position) is is_true
                assert self.feed.has_commit(position.number) or not is_true
        assert len(self.feed.latest) <= LIMIT


class HistoryOfGroups(History):
    """The same with copies of groups, which count while no row of theirs has changed."""

    def check(self) -> None:
        """A copy that has not changed may seem outdated only where there is no room to remember all groups."""
        for group in ("a:1", "a:2", "b:1", "b:2"):
            changed = max(number for number, keys in self.commits if {group, EVERYTHING} & {*map(group_of, keys)})
            for position in sorted(self.lost | self.positions()):
                if self.feed.is_unsure(group, position):
                    while self.feed.should_look_back_to(position.number):
                        self.feed.look_back()
                    self.feed.bound_last_changes([group])
                is_true = position.number >= changed and position not in self.lost
                counts = self.feed.is_current(group, position)
                assert counts is is_true or (is_true and change_log.MAX_REMEMBERED_KEYS < ROOM)
                assert len(self.feed.latest) <= change_log.MAX_REMEMBERED_KEYS


STEPS = st.sampled_from([History.record, History.record, History.poll, History.late, History.restore])
CHANGES = st.sets(st.sampled_from([*KEYS, EVERYTHING]), min_size=1)
CHANGES_IN_GROUPS = st.sets(st.sampled_from([*IN_GROUPS, EVERYTHING]), min_size=1)
ANY = hypothesis_settings(
    derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.usefixtures("_low_limit", "_numbers_of_its_own")
@ANY
@given(st.lists(st.tuples(STEPS, CHANGES), max_size=15))
def test_current__any_history__of_every_copy_that_was_not_outlived(steps: list[Any]) -> None:
    history = History()
    for step, keys in steps:
        step(history, keys)
    history.poll()


@pytest.mark.usefixtures("_low_limit", "_numbers_of_its_own")
@pytest.mark.parametrize("room", [ROOM, LIMIT + 1])
@ANY
@given(st.lists(st.tuples(STEPS, CHANGES_IN_GROUPS), max_size=15))
def test_current__any_history__of_every_group_that_was_not_outlived(room: int, steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(change_log, "MAX_REMEMBERED_KEYS", room)
        history = HistoryOfGroups()
        for step, keys in steps:
            step(history, keys)
        history.poll()
