"""Lookups: from where the answer comes, and when the database is asked."""

from collections.abc import Callable

import pytest

from coherence import change_log
from coherence.cache import Answer, CoherentCache
from coherence.tests.cache.rows import ID, NOBODY, OTHER, clear_memory, insert, rename
from tests.database import Count

pytestmark = pytest.mark.django_db(transaction=True)


def test_get__a_row__from_the_database_then_near_then_redis(
    names: CoherentCache[int, str], known: None, django_assert_num_queries: Count
) -> None:
    with django_assert_num_queries(0):
        assert names.get(ID) == Answer("old", "near")
        clear_memory(names)
        assert names.get(ID) == Answer("old", "redis")
        assert names.get(ID) == Answer("old", "near")
    assert names.lookups == {("database", True): 1, ("near", True): 2, ("redis", True): 1}


def test_get_many__each_lies_elsewhere__one_query_for_what_is_left(
    names: CoherentCache[int, str], known: None, django_assert_num_queries: Count, tell: Callable[[], None]
) -> None:
    insert(OTHER, "other")
    tell()
    with django_assert_num_queries(1):
        answers = names.get_many([ID, OTHER, NOBODY])
    assert answers == {
        ID: Answer("old", "near"),
        OTHER: Answer("other", "database"),
        NOBODY: Answer(None, "database"),
    }
    with django_assert_num_queries(0):
        assert {answer.source for answer in names.get_many([ID, OTHER, NOBODY]).values()} == {"near"}
        assert names.get_many([]) == {}


def test_get_many__one_near_and_one_in_redis__no_query(
    names: CoherentCache[int, str], known: None, django_assert_num_queries: Count, tell: Callable[[], None]
) -> None:
    insert(OTHER, "other")
    tell()
    names.get(OTHER)
    clear_memory(names)
    names.get(ID)
    with django_assert_num_queries(0):
        assert names.get_many([ID, OTHER]) == {ID: Answer("old", "near"), OTHER: Answer("other", "redis")}


def test_lookups__several_of_each_kind__all_counted(
    names: CoherentCache[int, str], known: None, tell: Callable[[], None]
) -> None:
    insert(OTHER, "other")
    tell()
    for id in (OTHER, NOBODY):
        for _ in range(4):
            names.get(id)
    assert names.lookups == {
        ("database", True): 2,
        ("near", True): 3,
        ("database", False): 1,
        ("near", False): 3,
    }


def test_get__changed__as_soon_as_the_feed_knows(
    names: CoherentCache[int, str], known: None, tell: Callable[[], None], django_assert_num_queries: Count
) -> None:
    rename("new")
    tell()
    with django_assert_num_queries(1):
        assert names.get(ID) == Answer("new", "database")
        assert names.get(ID) == Answer("new", "near")
        clear_memory(names)
        assert names.get(ID) == Answer("new", "redis")


def test_get__another_row_changed__the_copy_counts(
    names: CoherentCache[int, str], known: None, tell: Callable[[], None]
) -> None:
    insert(OTHER, "other")
    tell()
    assert names.get(ID) == Answer("old", "near")
    clear_memory(names)
    assert names.get(ID) == Answer("old", "redis")


def test_get__everything_noted__no_copy_counts(
    names: CoherentCache[int, str], known: None, tell: Callable[[], None]
) -> None:
    assert names.get(NOBODY).source == "database"
    change_log.record()
    tell()
    assert {answer.source for answer in names.get_many([ID, NOBODY]).values()} == {"database"}
