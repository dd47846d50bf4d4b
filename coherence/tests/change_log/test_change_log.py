"""Every statement of SQL that coherence needs, against a real log."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from coherence import change_log
from coherence.change_log import CopyRef, LogEntry, NumberedQuery
from coherence.tests.log_access import number, record
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
CONDITION = "username = ANY(%(names)s)"
NAMED: NumberedQuery[User] = NumberedQuery("auth.User", CONDITION)
DAY = 24 * 60 * 60 * 1000  # in the unit of the numbers


@pytest.fixture
def two() -> list[User]:
    return [User.objects.create(username=name) for name in ("ada", "ben")]


def since(known: int, limit: int = change_log.MAX_ENTRIES_PER_POLL) -> list[LogEntry]:
    """The anchor comes last, with an empty key."""
    with connection.cursor() as cursor:
        news = change_log.since(cursor, known, limit)
    return [*news.entries, *[LogEntry(known, "")] * news.is_contiguous]


def test_numbered_query__rows__with_the_number_in_one_statement(
    two: list[User], django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        read, rows = NAMED(names=["ada", "ben", "nobody"])
    assert read
    assert read.number == number() > 0
    assert sorted(row.username for row in rows) == ["ada", "ben"]
    with django_assert_num_queries(0):
        assert {row.pk for row in rows} == {user.pk for user in two}


def test_numbered_query__no_such_row__no_number_in_one_statement(
    two: list[User], django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        assert NAMED(names=["nobody"]) == (None, [])


def test_numbered_query__only_some_columns__those(
    two: list[User], django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        query: NumberedQuery[User] = NumberedQuery("auth.User", CONDITION, ("id", "username"))
        _, (row,) = query(names=["ada"])
        assert row.username == "ada"
    assert "email" in row.get_deferred_fields()


def test_numbered_query__log_without_a_line__nought(two: list[User]) -> None:
    sql("DELETE FROM coherence_change")
    position, rows = NAMED(names=["ada"])
    assert position
    assert (position.number, rows) == (0, [two[0]])


def test_since__changes__newest_first_and_the_known_one_last() -> None:
    known, middle, newest = record("a"), record("b", "c"), record("d")
    assert since(known) == [LogEntry(newest, "d"), LogEntry(middle, "c"), LogEntry(middle, "b"), LogEntry(known, "")]


def test_since__nothing_new__the_known_one_once_however_many_keys_it_has() -> None:
    known = record("a", "b")
    assert since(known) == [LogEntry(known, "")]


def test_since__the_known_one_is_not_there__no_anchor() -> None:
    pruned, newest = record("a"), record("b")
    sql("DELETE FROM coherence_change WHERE number <= %s", pruned)
    assert since(pruned) == [LogEntry(newest, "b")]
    assert since(newest + DAY) == []


def test_since__more_than_are_read__the_newest_and_the_anchor() -> None:
    known, _, _, newest = (record(key) for key in "abcd")
    assert [entry.key for entry in since(known, 2)] == ["d", "c", ""]
    assert since(known, 2)[0].number == newest


@pytest.mark.parametrize(("limit", "is_complete"), [(2, False), (3, False), (4, True)])
def test_since__a_limit__says_whether_there_may_be_more(limit: int, is_complete: bool) -> None:
    known, _, _, _ = (record(key) for key in "abcd")
    with connection.cursor() as cursor:
        assert change_log.since(cursor, known, limit).is_complete is is_complete


def latest(*keys: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        return change_log.last_changes_of(cursor, [CopyRef(0, key) for key in keys])[0]


def test_latest__keys__their_last_change_or_else_where_the_log_begins() -> None:
    sql("DELETE FROM coherence_change")
    first, _, both, a = record("c"), record("a"), record("a", "b"), record("a")
    assert latest("a", "b", "d") == {"a": a, "b": both, "d": first}


def test_latest__numbers__those_at_which_there_was_a_commit() -> None:
    sql("DELETE FROM coherence_change")
    one, two = record("a", "b"), record("a")
    with connection.cursor() as cursor:
        copies = [CopyRef(one, "b"), CopyRef(two, "c"), CopyRef(one - 1, "a"), CopyRef(two + 1, "a"), CopyRef(one, "a")]
        assert change_log.last_changes_of(cursor, copies)[1] == {one, two}


def test_latest__everything_changed__not_before_that() -> None:
    record("a")
    everything, a = record("*"), record("a")
    assert latest("a", "b") == {"a": a, "b": everything}


def test_latest__log_without_a_line__nought() -> None:
    sql("DELETE FROM coherence_change")
    assert latest("a") == {"a": 0}


def groups_before(
    entry: LogEntry, limit: int = change_log.MAX_ENTRIES_PER_POLL
) -> tuple[LogEntry, dict[str, int], set[int]]:
    with connection.cursor() as cursor:
        return change_log.groups_before(cursor, entry, limit)


def test_groups_before__a_line__the_last_change_of_each_group_and_the_first_line() -> None:
    sql("DELETE FROM coherence_change")
    one, two, three = record("a:1:x", "a:2"), record("a:1:y:z", "b", "c:"), record("a:2:x", "a:3")
    known = LogEntry(three, "a:3")
    assert groups_before(known) == (
        LogEntry(one, "a:1:x"),
        {"a:1": two, "a:2": three, "b": two, "c:": two},
        {one, two, three},
    )
    assert all(LogEntry(0, group).group == group for group in groups_before(known)[1])


def test_groups_before__a_limit__so_many_lines_though_one_commit_has_more() -> None:
    sql("DELETE FROM coherence_change")
    number = record("a:1:x", "a:2:x", "a:3:x")
    first, *found = groups_before(LogEntry(number + 1, ""), 2)
    assert (first, found) == (LogEntry(number, "a:2:x"), [{"a:2": number, "a:3": number}, {number}])
    assert groups_before(first, 2) == (LogEntry(number, "a:1:x"), {"a:1": number}, {number})


def test_groups_before__no_line_before__none() -> None:
    sql("DELETE FROM coherence_change")
    assert groups_before(LogEntry(5, "a")) == (LogEntry(5, "a"), {}, set())
    number = record("a")
    for entry in (LogEntry(number, "a"), LogEntry(number - 1, "b")):
        assert groups_before(entry) == (entry, {}, set())


def test_note__keys__one_number_for_all_and_each_once() -> None:
    known = record("a")
    number = record("b", "c", "b")
    assert since(known) == [LogEntry(number, "c"), LogEntry(number, "b"), LogEntry(known, "")]


def test_note__no_keys_named__everything() -> None:
    known = record("a")
    change_log.record()
    assert [entry.key for entry in since(known)] == ["*", ""]


def test_note__empty__no_line() -> None:
    known = record("a")
    assert record() == known


def test_note__rolled_back__no_line() -> None:
    known = record("a")
    with transaction.atomic():
        change_log.record(["b"])
        transaction.set_rollback(True)
    assert number() == known
