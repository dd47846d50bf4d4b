"""The feed asks a real log that was pruned, emptied, restored, or holds more than is read or remembered."""

import pytest

from coherence.feed import ChangeFeed
from coherence.tests.change_log import note
from coherence.tests.feed.answers import restore
from coherence.tests.feed.conftest import KEYS, LIMIT
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)


def test_catch_up__fresh_process_and_pruned_log__only_what_the_log_covers(feed: ChangeFeed) -> None:
    pruned, kept, newest = note("a"), note("b"), note("c")
    sql("DELETE FROM coherence_change WHERE number < %s", kept)
    feed.catch_up()
    assert not feed.is_current("a", pruned - 1)
    assert not feed.is_current("d", kept - 1)
    assert feed.is_current("a", kept)
    assert feed.is_current("d", newest)


def test_catch_up__log_without_a_line__copies_from_it_count(feed: ChangeFeed) -> None:
    sql("DELETE FROM coherence_change")
    feed.catch_up()
    assert feed.in_touch
    assert feed.is_current("a", 0)
    note("a")
    feed.catch_up()
    assert not feed.is_current("a", 0)


def test_catch_up__log_without_a_line__no_number_is_believed(feed: ChangeFeed) -> None:
    sql("DELETE FROM coherence_change")
    for _ in range(2):
        feed.catch_up()
        assert (feed.number, feed.floor) == (0, 0)
        assert not feed.is_current("a", 1)


def test_catch_up__first_of_all__writes_nothing(feed: ChangeFeed) -> None:
    """Else each process that starts would void the copies of all others."""
    number = note("a")
    feed.catch_up()
    assert sql("SELECT max(number) FROM coherence_change") == [(number,)]


@pytest.mark.usefixtures("_low_limit")
def test_catch_up__just_as_many_keys_as_are_remembered__each_is(feed: ChangeFeed) -> None:
    start = note("*")
    for key in KEYS[:LIMIT]:
        note(key)
        feed.catch_up()
    assert (len(feed.latest), feed.floor) == (LIMIT, start)


@pytest.mark.usefixtures("_low_limit")
@pytest.mark.parametrize("after_everything", [False, True])
def test_catch_up__more_keys_in_one_commit_than_are_read__none_is_overlooked(
    feed: ChangeFeed, after_everything: bool
) -> None:
    before = note("*" if after_everything else "a")
    feed.catch_up()
    after = note(*KEYS)
    feed.catch_up()
    assert not [key for key in KEYS if feed.is_current(key, before)]
    assert all(feed.is_current(key, after) for key in KEYS)
    assert len(feed.latest) <= LIMIT


@pytest.mark.usefixtures("_low_limit")
def test_catch_up__out_of_touch_for_more_changes_than_are_read__none_is_overlooked(feed: ChangeFeed) -> None:
    before = note("*")
    feed.catch_up()
    note("a")
    for _ in range(LIMIT):  # so few keys that all of them can be remembered
        after = note("b")
    feed.catch_up()
    assert not feed.is_current("a", before)
    assert not feed.is_current("b", before)
    assert feed.is_current("a", after)


@pytest.mark.usefixtures("_low_limit")
def test_catch_up__more_keys_than_are_remembered__the_dropped_raise_the_floor(feed: ChangeFeed) -> None:
    numbers = {}
    note("*")
    for key in KEYS:
        numbers[key] = note(key)
        feed.catch_up()
        assert len(feed.latest) <= LIMIT
    assert not [key for key in KEYS if feed.is_current(key, numbers[key] - 1)]
    assert all(feed.is_current(key, numbers["f"]) for key in KEYS)
    assert numbers["a"] <= feed.floor < numbers["e"]


def test_catch_up__older_backup_restored__copies_from_the_lost_future_never_count_again(feed: ChangeFeed) -> None:
    kept, lost = note("a"), note("a")
    feed.catch_up()
    assert feed.is_current("a", lost)
    restore(kept)
    feed.catch_up()
    assert not feed.is_current("a", lost)
    feed.catch_up()
    assert not feed.is_current("a", lost)
    note("b")  # from now on the log's numbers are above those of the lost ones
    feed.catch_up()
    assert not feed.is_current("a", lost)
