"""Copies from before what the feed remembers: the log is asked about them, by key."""

from collections.abc import Callable, Collection
from typing import Any

import pytest
from psycopg import OperationalError

from coherence import change_log
from coherence.change_log import CopyRef, Cursor, Position
from coherence.feed import ChangeFeed
from coherence.tests.feed.answers import is_current
from coherence.tests.feed.conftest import KEYS, LIMIT
from coherence.tests.log_access import record
from tests.database import sql

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_low_limit")]


class Unanswered:
    """A cursor over which no answer comes in time."""

    def execute(self, sql: str, parameters: Any) -> None:
        raise OperationalError("PostgreSQL did not answer in time")

    def fetchall(self) -> Any:
        raise NotImplementedError


def is_unsure(feed: ChangeFeed, key: str, number: int) -> bool:
    return feed.is_unsure(key, Position(feed.position.history, number))


def a_forgotten_key(feed: ChangeFeed) -> str:
    """One of KEYS that did not fit. Lines of one commit share a number, so which of them do is PostgreSQL's choice."""
    return next(key for key in KEYS if key not in feed.latest)


@pytest.fixture
def start() -> int:
    """The log begins here."""
    sql("DELETE FROM coherence_change")
    return record("*")


def test_ask__after_one_commit_of_very_many_keys__only_those_are_outdated(feed: ChangeFeed, start: int) -> None:
    feed.catch_up()
    after = record(*KEYS)
    feed.catch_up()
    for key, is_true in [(a_forgotten_key(feed), False), ("other", True)]:
        assert is_unsure(feed, key, start)
        assert not is_current(feed, key, start)
        feed.ask([CopyRef(start, key)])
        assert not is_unsure(feed, key, start)
        assert is_current(feed, key, start) is is_true
        assert is_current(feed, key, after)


def test_ask__a_process_that_starts_late__every_copy_from_before_is_judged(feed: ChangeFeed, start: int) -> None:
    numbers = {key: record(key) for key in KEYS}
    feed.catch_up()
    feed.ask([CopyRef(start, "a"), CopyRef(numbers["a"], "b"), CopyRef(start, "other")])
    assert [is_current(feed, "a", number) for number in (start, numbers["a"], numbers["b"])] == [False, True, True]
    assert [is_current(feed, "b", number) for number in (numbers["a"], numbers["b"])] == [False, True]
    assert is_current(feed, "other", start)
    assert not is_current(feed, "other", start - 1)


def test_unsure__what_is_remembered_or_outdated__not(feed: ChangeFeed, start: int) -> None:
    numbers = {key: record(key) for key in KEYS}
    feed.catch_up()
    assert is_unsure(feed, "a", numbers["a"])
    assert not is_unsure(feed, "f", numbers["a"])  # its change is remembered
    for number in (feed.unsure_below, numbers["f"]):  # nothing older than what is remembered
        assert not is_unsure(feed, "a", number)
    assert not feed.is_unsure("a", Position("another", numbers["a"]))
    record("*")
    feed.catch_up()
    assert not is_unsure(feed, "a", numbers["a"])


def test_unsure__the_log_was_read_whole__never(feed: ChangeFeed, start: int) -> None:
    feed.catch_up()
    assert not is_unsure(feed, "a", start - 1)
    assert not is_current(feed, "a", start - 1)


def test_ask__about_a_number_that_the_log_never_had__of_a_lost_commit(feed: ChangeFeed, start: int) -> None:
    numbers = {key: record(key) for key in KEYS}
    lost = numbers["b"]
    sql("DELETE FROM coherence_change WHERE number = %s", lost)
    feed.catch_up()
    assert is_unsure(feed, "other", lost)
    feed.ask([CopyRef(lost, "other"), CopyRef(numbers["a"], "other")])
    assert is_current(feed, "other", lost)
    assert not feed.has_commit(lost)
    assert feed.has_commit(numbers["a"])
    assert is_unsure(feed, "other", lost)  # never sure
    assert not is_unsure(feed, "other", numbers["a"])


def test_unsure__its_change_is_known_and_its_number_is_not__until_asked(feed: ChangeFeed, start: int) -> None:
    record(*KEYS)
    feed.catch_up()
    between = record("b")
    feed.catch_up()
    feed.ask([CopyRef(between, "other")])
    assert is_unsure(feed, "other", start)
    feed.ask([CopyRef(start, "other")])
    assert not is_unsure(feed, "other", start)
    assert is_current(feed, "other", start)
    assert feed.has_commit(start)


def test_has_commit__what_is_remembered__without_asking(feed: ChangeFeed, start: int) -> None:
    feed.catch_up()
    first, second = record("a"), record("a")
    feed.catch_up()
    assert [feed.has_commit(number) for number in (start - 1, start, first, second, second + 1)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_has_commit__the_log_is_empty__its_number(feed: ChangeFeed) -> None:
    sql("DELETE FROM coherence_change")
    feed.catch_up()
    assert feed.has_commit(0)
    assert not feed.has_commit(1)


def with_everything() -> None:
    record("*")


def with_another_history() -> None:
    record("a")
    sql("UPDATE coherence_history SET place = 'elsewhere'")


@pytest.mark.parametrize("meanwhile", [with_everything, with_another_history])
def test_ask__something_outdates_all_meanwhile__the_answer_does_no_harm(
    feed: ChangeFeed, start: int, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]
) -> None:
    for key in KEYS:
        record(key)
    feed.catch_up()
    copy, ask = Position(feed.position.history, start), change_log.last_changes_of

    def ask_slowly(cursor: Cursor, copies: Collection[CopyRef]) -> Any:
        found = ask(cursor, copies)
        meanwhile()
        feed.catch_up()
        return found

    monkeypatch.setattr(change_log, "last_changes_of", ask_slowly)
    feed.ask([CopyRef(start, "other")])
    assert not feed.is_current("other", copy)
    assert not is_current(feed, "other", start)


def test_ask__a_later_change_is_known_meanwhile__that_counts(feed: ChangeFeed, start: int) -> None:
    record(*KEYS)
    feed.catch_up()
    feed.ask([CopyRef(start, "other")])
    later = record("other")
    feed.catch_up()
    feed.ask([CopyRef(start, "a")])
    assert not is_current(feed, "other", start)
    assert is_current(feed, "other", later)


def test_ask__about_more_than_is_remembered__bounded_and_asked_again(feed: ChangeFeed, start: int) -> None:
    record(*KEYS)
    feed.catch_up()
    before = feed.unsure_below
    for number in range(10):
        feed.ask([CopyRef(start, f"other-{number}")])
        assert len(feed.latest) <= LIMIT
        assert is_current(feed, f"other-{number}", start) or is_unsure(feed, f"other-{number}", start)
    assert feed.unsure_below >= before


def test_poll__an_attempt_was_not_answered_in_time__the_next_reads_fewer_and_asks_about_the_rest(
    feed: ChangeFeed, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a process could never come past a commit that takes too long to read."""
    monkeypatch.setattr(change_log, "MAX_ENTRIES_PER_POLL", 100)
    monkeypatch.setattr(change_log, "MAX_REMEMBERED_KEYS", 100)
    feed.catch_up()
    record(*KEYS)
    with pytest.raises(OperationalError):
        feed.poll(Unanswered())
    feed.catch_up()
    assert len(feed.latest) == LIMIT
    assert is_unsure(feed, a_forgotten_key(feed), start)
    record(*KEYS)
    feed.catch_up()
    assert len(feed.latest) == len(KEYS)
