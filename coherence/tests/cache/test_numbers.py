"""Which copy counts, by its number, the feed's and the database's."""

from collections.abc import Callable

import pytest
from django.db import transaction

from coherence import cache as module
from coherence import change_log
from coherence.cache import Answer, CoherentCache
from coherence.change_log import Position
from coherence.feed import ChangeFeed, invalidate_everything
from coherence.local_cache import Copy
from coherence.tests.cache.rows import ID, NOBODY, OTHER, clear_memory, insert, rename
from coherence.tests.cache.stand_ins import Clock, InRedis
from coherence.tests.log_access import record
from tests.database import Count, sql

pytestmark = pytest.mark.django_db(transaction=True)


def ahead(feed: ChangeFeed) -> Position:
    history, number = feed.position
    return Position(history, number + 1000)


@pytest.mark.parametrize("near", [False, True])
def test_copy__its_number_is_above_the_feeds__not_believed(
    names: CoherentCache[int, str], known: None, feed: ChangeFeed, shared: InRedis, near: bool
) -> None:
    clear_memory(names)
    shared.store(ahead(feed), {ID: "of a future that was lost"})
    if near:
        names._keep(ID, ahead(feed), "of a future that was lost")
        shared.clear()
    assert names.get(ID) == Answer("old", "database")


@pytest.mark.parametrize("near", [False, True])
def test_copy__of_another_history__not_believed_and_replaced(
    names: CoherentCache[int, str], known: None, feed: ChangeFeed, shared: InRedis, near: bool
) -> None:
    """Whatever its number: the database has lost commits, and numbers come again."""
    clear_memory(names)
    lost = Position("a lost history", feed.number)
    shared.store(lost, {ID: "of a future that was lost"})
    if near:
        names._keep(ID, lost, "of a future that was lost")
    assert names.get(ID) == Answer("old", "database")
    assert names.get(ID) == Answer("old", "near")
    clear_memory(names)
    assert names.get(ID) == Answer("old", "redis")


def test_copies__another_history_begins__all_are_read_anew(
    names: CoherentCache[int, str], known: None, tell: Callable[[], None], django_assert_num_queries: Count
) -> None:
    """Absences too."""
    names.get(NOBODY)
    sql("UPDATE coherence_history SET place = 'elsewhere'")
    tell()
    with django_assert_num_queries(2):
        assert [names.get(id) for id in (ID, NOBODY)] == [Answer("old", "database"), Answer(None, "database")]
    with django_assert_num_queries(0):
        assert [names.get(id).source for id in (ID, NOBODY)] == ["near", "near"]


def test_database_read__of_a_history_that_the_feed_does_not_know__the_feed_catches_up(
    names: CoherentCache[int, str], known: None, feed: ChangeFeed, django_assert_num_queries: Count
) -> None:
    clear_memory(names)
    sql("UPDATE coherence_history SET place = 'elsewhere'")
    ChangeFeed().catch_up()  # another process is the first to notice
    insert(OTHER, "other")
    with django_assert_num_queries(3):
        assert names.get(OTHER) == Answer("other", "database")
    with django_assert_num_queries(0):
        assert names.get(OTHER) == Answer("other", "near")


def test_copy_in_redis__stored_again_too_late__not_believed(
    names: CoherentCache[int, str], known: None, feed: ChangeFeed, shared: InRedis, tell: Callable[[], None]
) -> None:
    before = feed.position
    rename("new")
    tell()
    assert names.get(ID) == Answer("new", "database")
    shared.store(before, {ID: "old"})
    assert names.get(ID) == Answer("new", "near")
    clear_memory(names)
    assert names.get(ID) == Answer("new", "database")


def test_database_read__is_ahead_of_the_feed__the_feed_catches_up(
    names: CoherentCache[int, str], known: None, feed: ChangeFeed, django_assert_num_queries: Count
) -> None:
    insert(OTHER, "other")
    rename("new")  # and nobody tells
    with django_assert_num_queries(2):
        assert names.get(OTHER) == Answer("other", "database")
    with django_assert_num_queries(0):
        assert names.get(OTHER) == Answer("other", "near")
    assert names.get(ID) == Answer("new", "database")  # the feed heard of this as well


def test_new_copy__whatever_has_become_known_before__compared(
    names: CoherentCache[int, str], feed: ChangeFeed, tell: Callable[[], None]
) -> None:
    """It was found to be true in no view of the feed, and so in none that the feed can have."""
    for _ in range(5):
        assert not names.is_current(Copy(ID, "of a future that was lost", ahead(feed)))
        record("a")
        tell()


def test_new_copy__nothing_is_known_yet__compared(
    names: CoherentCache[int, str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "feed", ChangeFeed(clock))
    assert not names.is_current(Copy(ID, "of a future that was lost", Position("", 1000)))


def test_edition__whenever_something_has_become_known_and_only_then__another_one(
    feed: ChangeFeed, tell: Callable[[], None]
) -> None:
    revisions = [feed.revision]
    for _ in range(3):
        record("a")
        tell()
        revisions.append(feed.revision)
        tell()
        assert feed.revision == revisions[-1]  # else every copy would be compared anew at every look
    assert len(set(revisions)) == 4


@pytest.fixture
def restart(
    names: CoherentCache[int, str], known: None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Turns this into a process that has just started, and has read only the latest change of the log."""

    def restart() -> None:
        monkeypatch.setattr(change_log, "FIRST_MAX_ENTRIES", 1)
        started = ChangeFeed(clock)
        started.catch_up()
        monkeypatch.setattr(module, "feed", started)
        clear_memory(names)

    return restart


def test_copy_in_redis__older_than_what_is_remembered__the_log_is_asked_and_it_counts(
    names: CoherentCache[int, str], restart: Callable[[], None], django_assert_num_queries: Count
) -> None:
    record("a")
    record("b")
    restart()
    with django_assert_num_queries(1) as asked:
        assert names.get(ID) == Answer("old", "redis")
        assert names.get(ID) == Answer("old", "near")
        clear_memory(names)
        assert names.get(ID) == Answer("old", "redis")
    assert "auth_user" not in asked[0]["sql"]


@pytest.mark.parametrize("is_remembered", [True, False])
def test_copy_in_redis__of_a_commit_that_the_log_never_had__not_believed_and_replaced(
    names: CoherentCache[int, str],
    known: None,
    feed: ChangeFeed,
    shared: InRedis,
    restart: Callable[[], None],
    is_remembered: bool,
) -> None:
    """A snapshot of the disk was restored: the same history, without the latest commits."""
    lost = feed.position._replace(number=record("a"))
    shared.store(lost, {ID: "of a future that was lost"})
    sql("DELETE FROM coherence_change WHERE number = %s", lost.number)
    record("b")
    record("b")
    clear_memory(names)
    feed.catch_up() if is_remembered else restart()
    assert names.get(ID) == Answer("old", "database")
    clear_memory(names)
    assert names.get(ID) == Answer("old", "redis")


def test_copy_in_redis__older_than_what_is_remembered_and_than_its_row__not_believed(
    names: CoherentCache[int, str], restart: Callable[[], None]
) -> None:
    rename("new")
    record("b")
    restart()
    assert names.get(ID) == Answer("new", "database")


def test_copy_in_redis__older_than_what_is_remembered_and_out_of_touch__nobody_is_asked_about_it(
    names: CoherentCache[int, str], restart: Callable[[], None], clock: Clock, django_assert_num_queries: Count
) -> None:
    record("a")
    record("b")
    restart()
    clock.ahead = 100
    with django_assert_num_queries(1):
        assert names.get(ID) == Answer("old", "database")


def test_forget_on_commit__committed_or_not__only_then_gone_from_redis(
    names: CoherentCache[int, str], known: None, shared: InRedis
) -> None:
    with transaction.atomic():
        names.forget_on_commit([ID])
        transaction.set_rollback(True)
    with transaction.atomic():
        names.forget_on_commit([ID])
        assert shared.get_many([ID])
    assert not shared.get_many([ID])


@pytest.mark.parametrize("keys", [[ID], None])
def test_invalidate__some_keys_or_all__these_are_read_anew(
    names: CoherentCache[int, str], known: None, feed: ChangeFeed, keys: list[int] | None
) -> None:
    insert(OTHER, "other")
    assert names.get(OTHER).source == "database"
    names.invalidate(keys) if keys else invalidate_everything()
    feed.catch_up()
    assert names.get(ID).source == "database"
    assert names.get(OTHER).source == ("near" if keys else "database")
