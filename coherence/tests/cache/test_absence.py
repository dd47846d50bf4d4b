"""That there is no such row is an answer, too: kept in memory alone, and outdated like any other."""

from collections.abc import Callable
from typing import cast

import pytest
from django.contrib.auth.models import User

from coherence.cache import Answer, CoherentCache, Source
from coherence.tests.cache.rows import ID, NOBODY, insert
from coherence.tests.cache.stand_ins import InRedis
from tests.database import Count, sql

pytestmark = pytest.mark.django_db(transaction=True)


def by_save() -> None:
    User(pk=NOBODY, username="somebody").save()


def by_bulk_create() -> None:
    User.objects.bulk_create([User(pk=NOBODY, username="somebody")])


def by_sql() -> None:
    insert(NOBODY, "somebody")


@pytest.mark.parametrize("create", [by_save, by_bulk_create, by_sql])
def test_absence__asked_again_and_then_created__kept_near_alone_and_voided(
    names: CoherentCache[int, str],
    shared: InRedis,
    tell: Callable[[], None],
    django_assert_num_queries: Count,
    create: Callable[[], None],
) -> None:
    with django_assert_num_queries(1):
        assert names.get(NOBODY) == Answer(None, "database")
        assert names.get(NOBODY) == Answer(None, "near")
    assert not shared.get_many([NOBODY])
    create()
    tell()
    assert names.get(NOBODY) == Answer("somebody", "database")
    assert names.get(NOBODY) == Answer("somebody", "near")


def test_value__deactivated_and_activated_again__each_in_its_turn(
    names: CoherentCache[int, str], known: None, tell: Callable[[], None]
) -> None:
    for is_active, value in [(False, None), (True, "old"), (False, None), (True, "old")]:
        sql("UPDATE auth_user SET is_active = %s WHERE id = %s", is_active, ID)
        tell()
        for source in cast(list[Source], ["database", "near"]):
            assert names.get(ID) == Answer(value, source)


def test_absences__more_than_are_kept__push_out_no_value(names: CoherentCache[int, str], known: None) -> None:
    names.get_many(range(10 * names.capacity))
    assert len(names.negative) == names.capacity
    assert names.get(ID) == Answer("old", "near")
