"""Copies of groups from before what the feed remembers: the log is asked about all groups at once."""

from collections.abc import Callable
from typing import Any

import pytest

from coherence import change_log
from coherence.change_log import Cursor, LogEntry, Position
from coherence.feed import ChangeFeed
from coherence.models import EVERYTHING
from coherence.tests.feed.answers import is_current
from coherence.tests.log_access import record
from tests.database import sql

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_low_limit")]
IMPORTED = tuple(f"a:1:{number}" for number in range(10))  # more than are read at once, in one commit
ROOM = 12


@pytest.fixture(autouse=True)
def _room(_low_limit: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_log, "MAX_REMEMBERED_KEYS", ROOM)


@pytest.fixture
def start() -> int:
    """Begin the log anew, with a change of everything; return its number."""
    sql("DELETE FROM coherence_change")
    return record(EVERYTHING)


def be_sure(feed: ChangeFeed, group: str, number: int, questions: int = 10) -> int:
    """Be sure about a copy of `group` as a cache does; return how many questions that took, `questions` at most."""
    asked = 0
    while asked < questions and feed.should_look_back_to(number):
        feed.look_back()
        asked += 1
    feed.bound_last_changes([group])
    return asked


def test_look_back__after_a_commit_of_very_many_keys__all_groups_are_judged(feed: ChangeFeed, start: int) -> None:
    before = record("a:2:x", "a:3")
    record(*IMPORTED)
    feed.catch_up()
    assert feed.is_unsure("a:2", Position(feed.position.history, before))
    assert not is_current(feed, "a:2", before)
    assert be_sure(feed, "a:2", before) == 3
    assert is_current(feed, "a:2", before)
    for group, counts in {"a:1": False, "a:3": True, "a:4": True}.items():
        assert be_sure(feed, group, before) == 0
        assert is_current(feed, group, before) is counts
    assert not is_current(feed, "a:2", start)
    assert not is_current(feed, "a:3", start)


def test_should_look_back__part_of_a_commit_was_read__to_that_commit(feed: ChangeFeed, start: int) -> None:
    number = record(*IMPORTED)
    feed.catch_up()
    assert [feed.should_look_back_to(each) for each in (number, number + 1)] == [True, False]


def test_look_back__one_question__reads_no_more_than_a_limit(feed: ChangeFeed, start: int) -> None:
    before = record("a:2:x")
    record(*IMPORTED)
    feed.catch_up()
    assert be_sure(feed, "a:2", before, questions=1) == 1
    assert not is_current(feed, "a:2", before)  # it may have changed in the rest of the import
    assert be_sure(feed, "a:3", before) == 2


def test_look_back__everything_changed_meanwhile__nothing_from_before_counts(feed: ChangeFeed, start: int) -> None:
    before = record("a:2:x")
    everything = record(EVERYTHING)
    record(*IMPORTED)
    feed.catch_up()
    be_sure(feed, "a:2", everything)
    be_sure(feed, "a:3", before)
    assert [is_current(feed, "a:2", number) for number in (before, everything)] == [False, True]
    assert not is_current(feed, "a:3", before)
    assert not feed.is_unsure("a:4", Position(feed.position.history, before))


def test_look_back__log_pruned_meanwhile__older_copies_do_not_count(feed: ChangeFeed, start: int) -> None:
    before, kept = record("a:2:x"), record("a:2:y")
    record(*IMPORTED)
    feed.catch_up()
    sql("DELETE FROM coherence_change WHERE number < %s", kept)
    be_sure(feed, "a:2", before)
    be_sure(feed, "a:3", before)
    be_sure(feed, "a:4", kept)
    assert not is_current(feed, "a:2", before)
    assert not is_current(feed, "a:3", before)
    assert is_current(feed, "a:4", kept)


def test_look_back__pruned_beyond_what_is_known__nothing_from_before_counts(feed: ChangeFeed, start: int) -> None:
    before = record("a:2:x")
    number = record(*IMPORTED)
    feed.catch_up()
    record("a:5:x")
    sql("DELETE FROM coherence_change WHERE number <= %s", number)
    be_sure(feed, "a:3", before)
    assert not is_current(feed, "a:3", before)
    assert is_current(feed, "a:3", number + 1) is False  # not known of yet
    assert is_current(feed, "a:4", number)


def with_a_change() -> None:
    record("a:2:x")


def with_everything() -> None:
    record(EVERYTHING)


def with_another_history() -> None:
    sql("UPDATE coherence_history SET place = 'elsewhere'")


def with_more_than_is_remembered() -> None:
    record("a:2:x")
    record(*IMPORTED)
    record(*(f"b:{number}" for number in range(ROOM)))


@pytest.mark.parametrize(
    "meanwhile", [with_a_change, with_everything, with_another_history, with_more_than_is_remembered]
)
def test_look_back__something_outdates_it_meanwhile__the_answer_does_no_harm(
    feed: ChangeFeed, start: int, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]
) -> None:
    record(*IMPORTED)
    feed.catch_up()
    copy, ask = Position(feed.position.history, start), change_log.groups_before

    def ask_slowly(cursor: Cursor, entry: LogEntry, limit: int) -> Any:
        found = ask(cursor, entry, limit)
        meanwhile()
        feed.catch_up()
        return found

    monkeypatch.setattr(change_log, "groups_before", ask_slowly)
    be_sure(feed, "a:2", start, questions=4)
    assert not feed.is_current("a:2", copy)
    assert not is_current(feed, "a:2", start)
    assert len(feed.latest) <= ROOM


def test_look_back__too_much_is_remembered__no_more_questions_and_bounded(feed: ChangeFeed, start: int) -> None:
    feed.catch_up()
    copy = record("c")
    for number in range(ROOM + 1):
        record(f"b:{number}")
        feed.catch_up()
    assert "b:0" not in feed.latest
    for number in range(ROOM):
        be_sure(feed, f"b:{number}", copy)
        assert len(feed.latest) <= ROOM
        assert not is_current(feed, f"b:{number}", copy)
