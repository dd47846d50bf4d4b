"""The copy in memory that answers a lookup: when there is one, and when no longer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from coherence.cache import CoherentCache
from coherence.feed import IN_TOUCH_SECONDS
from coherence.local_cache import Copy
from coherence.tests.cache.rows import ID, NOBODY, OTHER, insert, rename
from coherence.tests.cache.stand_ins import Clock
from tests.database import Count, sql

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("known")]
Names = CoherentCache[int, str]


def values(names: Names, id: int = ID) -> str | None:
    copy = names.copy_from_memory(id)
    assert copy
    return copy.value


def test_hit__known__the_same_copy_each_time_and_no_query(names: Names, django_assert_num_queries: Count) -> None:
    with django_assert_num_queries(0):
        assert names.copy_from_memory(ID) is names.copy_from_memory(ID) is not None
        assert values(names) == "old"


def test_hit__another_row_has_changed__still_holds(names: Names, tell: Callable[[], None]) -> None:
    copy = names.copy_from_memory(ID)
    insert(OTHER, "other")
    tell()
    assert copy
    assert names.is_current(copy)
    assert names.copy_from_memory(ID) is copy


def test_hit__its_row_has_changed__none_from_the_moment_it_is_known(names: Names, tell: Callable[[], None]) -> None:
    copy = names.copy_from_memory(ID)
    assert copy
    rename("new")
    assert names.copy_from_memory(ID) is copy
    tell()
    assert names.copy_from_memory(ID) is None
    assert not names.is_current(copy)
    assert names.get(ID).value == "new"
    assert values(names) == "new"
    assert not names.is_current(copy)


def test_hit__deleted_and_asked_for__absence_is_one(names: Names, tell: Callable[[], None]) -> None:
    sql("DELETE FROM auth_user WHERE id = %s", ID)
    tell()
    assert names.get(ID).value is None
    assert values(names) is None
    insert(ID, "back")
    tell()
    assert names.get(ID).value == "back"
    assert values(names) == "back"


def test_hit__out_of_touch__none_until_in_touch_again(names: Names, clock: Clock, tell: Callable[[], None]) -> None:
    clock.ahead = IN_TOUCH_SECONDS + 0.01
    assert names.copy_from_memory(ID) is None
    tell()
    assert values(names) == "old"


def test_hit__inside_a_transaction__none_in_this_thread_alone(names: Names) -> None:
    with transaction.atomic(), ThreadPoolExecutor(1) as elsewhere:
        assert names.copy_from_memory(ID) is None
        assert elsewhere.submit(values, names).result() == "old"
    assert values(names) == "old"


def test_hit__after_begin_by_hand__none_until_it_ends(names: Names) -> None:
    sql("BEGIN")
    assert names.copy_from_memory(ID) is None
    sql("ROLLBACK")
    assert values(names) == "old"


def test_hit__connection_closed_or_never_made__holds(names: Names) -> None:
    connection.close()
    assert values(names) == "old"
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(values, names).result() == "old"


def test_hit__in_a_coroutine__holds(names: Names) -> None:
    async def read() -> str | None:
        return values(names)

    assert asyncio.run(read()) == "old"


def test_hit__nobody_asked_yet__none(names: Names) -> None:
    assert names.copy_from_memory(NOBODY) is None


@pytest.mark.parametrize("number", [0, 1])
def test_holds__made_room_for__not_any_more(names: Names, number: int) -> None:
    """Whoever holds a dropped copy under another name must not serve it for ever: nothing counts or bounds it."""
    copy = names.copy_from_memory(ID)
    assert copy
    names.positive.capacity = 1
    for id in (OTHER, OTHER + 1)[: number + 1]:
        copy.used = False
        names.positive.keep(Copy(id, "other", copy.position))
    assert not names.is_current(copy)
    assert names.copy_from_memory(ID) is None


def test_clear_memory__copies_that_somebody_holds__current_no_more(names: Names) -> None:
    names.get(NOBODY)
    held = [names.copy_from_memory(ID), names.copy_from_memory(NOBODY)]
    names.clear_memory()
    assert [copy is not None and names.is_current(copy) for copy in held] == [False, False]
    assert [names.get(ID).source, names.get(NOBODY).source] == ["redis", "database"]
