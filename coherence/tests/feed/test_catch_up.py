"""The feed asks a real log that was pruned, emptied, restored, or holds more than is read or remembered."""

import pytest

from coherence.feed import ChangeFeed
from coherence.tests.feed.answers import is_current
from coherence.tests.feed.conftest import KEYS, LIMIT
from coherence.tests.log_access import empty_and_run_ahead, record, restore
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)


def test_catch_up__fresh_process_and_pruned_log__only_what_the_log_covers(feed: ChangeFeed) -> None:
    pruned, kept, newest = record("a"), record("b"), record("c")
    sql("DELETE FROM coherence_change WHERE number < %s", kept)
    feed.catch_up()
    assert not is_current(feed, "a", pruned - 1)
    assert not is_current(feed, "d", kept - 1)
    assert is_current(feed, "a", kept)
    assert is_current(feed, "d", newest)


def test_catch_up__log_without_a_line__copies_from_it_count(feed: ChangeFeed) -> None:
    sql("DELETE FROM coherence_change")
    feed.catch_up()
    assert feed.in_touch
    assert is_current(feed, "a", 0)
    record("a")
    feed.catch_up()
    assert not is_current(feed, "a", 0)


def test_catch_up__log_without_a_line__no_number_is_believed(feed: ChangeFeed) -> None:
    sql("DELETE FROM coherence_change")
    for _ in range(2):
        feed.catch_up()
        assert (feed.number, feed.unsure_below) == (0, 0)
        assert not is_current(feed, "a", 1)


def test_catch_up__first_of_all__writes_nothing(feed: ChangeFeed) -> None:
    """Otherwise each process that starts would outdate the copies of all others."""
    number = record("a")
    feed.catch_up()
    assert sql("SELECT max(number) FROM coherence_change") == [(number,)]


@pytest.mark.usefixtures("_low_limit")
def test_catch_up__just_as_many_keys_as_are_remembered__each_is(feed: ChangeFeed) -> None:
    start = record("*")
    for key in KEYS[:LIMIT]:
        record(key)
        feed.catch_up()
    assert (len(feed.latest), feed.unsure_below) == (LIMIT, start)


@pytest.mark.usefixtures("_low_limit")
@pytest.mark.parametrize("after_everything", [False, True])
def test_catch_up__more_keys_in_one_commit_than_are_read__none_is_overlooked(
    feed: ChangeFeed, after_everything: bool
) -> None:
    before = record("*" if after_everything else "a")
    feed.catch_up()
    after = record(*KEYS)
    feed.catch_up()
    assert not [key for key in KEYS if is_current(feed, key, before)]
    assert all(is_current(feed, key, after) for key in KEYS)
    assert len(feed.latest) <= LIMIT


@pytest.mark.usefixtures("_low_limit")
def test_catch_up__out_of_touch_for_more_changes_than_are_read__none_is_overlooked(feed: ChangeFeed) -> None:
    before = record("*")
    feed.catch_up()
    record("a")
    for _ in range(LIMIT):  # so few keys that all of them can be remembered
        after = record("b")
    feed.catch_up()
    assert not is_current(feed, "a", before)
    assert not is_current(feed, "b", before)
    assert is_current(feed, "a", after)


@pytest.mark.usefixtures("_low_limit")
def test_catch_up__more_keys_than_are_remembered__the_dropped_are_unsure(feed: ChangeFeed) -> None:
    numbers = {}
    record("*")
    for key in KEYS:
        numbers[key] = record(key)
        feed.catch_up()
        assert len(feed.latest) <= LIMIT
    assert not [key for key in KEYS if is_current(feed, key, numbers[key] - 1)]
    assert all(is_current(feed, key, numbers["f"]) for key in KEYS)
    assert numbers["a"] <= feed.unsure_below < numbers["e"]


@pytest.mark.usefixtures("_numbers_of_its_own")
def test_catch_up__older_backup_restored__copies_from_the_lost_future_never_count_again(feed: ChangeFeed) -> None:
    empty_and_run_ahead(5000)
    kept, lost = record("a"), record("a")
    feed.catch_up()
    copy = feed.position
    assert feed.is_current("a", copy)
    restore(kept)
    for _ in range(2):
        feed.catch_up()
        assert not feed.is_current("a", copy)
    assert record("b") == lost  # from now on the log's numbers are those of the lost ones, and then above them
    for _ in range(2):
        feed.catch_up()
        assert not feed.is_current("a", copy)
        assert is_current(feed, "a", lost)
        record("b")


def test_catch_up__a_process_slept_until_its_number_was_pruned__others_copies_still_count(feed: ChangeFeed) -> None:
    record("a")
    feed.catch_up()
    slept, others = feed.position, ChangeFeed()
    record("a")
    newest = record("b")
    others.catch_up()
    sql("DELETE FROM coherence_change WHERE number < %s", newest)
    feed.catch_up()
    assert not feed.is_current("c", slept)
    assert feed.position == others.position
    others.catch_up()
    assert others.is_current("c", feed.position)
    assert others.position.history == slept.history


def test_catch_up__another_begins_the_history__nothing_from_before_counts(feed: ChangeFeed) -> None:
    """This holds even if nothing is missing in the log, because the promoted standby had all of it."""
    number = record("a")
    feed.catch_up()
    copy = feed.position
    sql("UPDATE coherence_history SET place = 'elsewhere'")
    ChangeFeed().catch_up()
    feed.catch_up()
    assert not feed.is_current("a", copy)
    assert feed.may_be_outdated("a", copy)
    assert feed.number == number
    assert is_current(feed, "a", number)


def test_catch_up__the_history_has_no_name_and_none_can_be_written__nothing_counts_until_it_has(
    feed: ChangeFeed,
) -> None:
    record("a")
    feed.catch_up()
    copy = feed.position
    sql("UPDATE coherence_history SET place = 'elsewhere'")
    sql("SET default_transaction_read_only = on")
    try:
        for _ in range(2):
            feed.catch_up()
            assert feed.in_touch
            assert not feed.is_current("a", copy)
            assert not feed.is_current("a", feed.position)
            assert not feed.may_be_outdated("a", copy)  # nor can a load that says the same, so it is not repeated
    finally:
        sql("SET default_transaction_read_only = off")
    feed.catch_up()
    assert not feed.is_current("a", copy)
    assert feed.is_current("a", feed.position)
