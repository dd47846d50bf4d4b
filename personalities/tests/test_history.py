"""Every change is a version, by whatever means it was made; and no version is ever changed."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction

from personalities import history
from personalities.models import Event, Personality, Version, authored

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "personalities_personality"


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def by_save(row: Personality) -> None:
    row.greeting = "Hi."
    row.save()


def by_update(row: Personality) -> None:
    Personality.objects.filter(pk=row.pk).update(greeting="Hi.")


def by_bulk_update(row: Personality) -> None:
    row.greeting = "Hi."
    Personality.objects.bulk_update([row], ["greeting"])


def by_sql(row: Personality) -> None:
    sql(f"UPDATE {TABLE} SET greeting = 'Hi.'")


def by_upsert(row: Personality) -> None:
    row.greeting = "Hi."
    Personality.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["greeting"])


@pytest.fixture
def elara() -> Personality:
    return Personality.objects.create(personality_name="elara")


@pytest.mark.parametrize("write", [by_save, by_update, by_bulk_update, by_sql, by_upsert])
def test_write__by_any_path__a_version(elara: Personality, write: Callable[[Personality], None]) -> None:
    write(elara)
    latest = elara.versions.first()
    assert latest is not None
    assert (latest.number, latest.event, latest.to_config().greeting) == (2, Event.CHANGED, "Hi.")
    assert latest.to_config() == Personality.objects.get_config("elara")


def test_write__deleted_by_sql__the_history_stays(elara: Personality) -> None:
    sql(f"DELETE FROM {TABLE}")
    assert [each.event for each in Version.objects.filter(personality=elara.pk)] == [Event.DELETED, Event.CREATED]


def test_write__by_a_command__a_version_each() -> None:
    call_command("seed_personalities", verbosity=0)
    assert Version.objects.count() == Personality.objects.count() > 5


def test_write__rolled_back__no_version(elara: Personality) -> None:
    with transaction.atomic():
        by_save(elara)
        transaction.set_rollback(True)
    assert Version.objects.count() == 1


@pytest.mark.parametrize("write", [by_save, by_update, by_bulk_update, by_sql])
def test_write__that_changes_nothing__no_version_and_the_time_stays(
    elara: Personality, write: Callable[[Personality], None]
) -> None:
    write(elara)
    before = Personality.objects.get_config("elara")
    write(elara)
    assert (Version.objects.count(), Personality.objects.get_config("elara")) == (2, before)


def test_authored__within__named_and_afterwards_not(elara: Personality) -> None:
    with transaction.atomic():
        with authored("ann", "Because."):
            by_save(elara)
        sql(f"UPDATE {TABLE} SET greeting = 'Ho.'")
    by_sql(elara)
    told = [(each.number, each.author, each.note) for each in elara.versions.all()]
    assert told == [(4, "", ""), (3, "", ""), (2, "ann", "Because."), (1, "", "")]


def test_authored__within_another__the_outer_one_is_back_afterwards(elara: Personality) -> None:
    with authored("ann", "Because."):
        with authored("bob"):
            by_save(elara)
        sql(f"UPDATE {TABLE} SET greeting = 'Ho.'")
    by_sql(elara)
    told = [(each.number, each.author, each.note) for each in elara.versions.all()]
    assert told == [(4, "", ""), (3, "ann", "Because."), (2, "bob", ""), (1, "", "")]


@pytest.mark.parametrize("statement", ["UPDATE {} SET author = 'eve'", "DELETE FROM {}"])
def test_version__edited__refused(elara: Personality, statement: str) -> None:
    with pytest.raises(ProgrammingError):
        sql(statement.format("personalities_version"))


def test_version__column_that_it_did_not_have__default(elara: Personality) -> None:
    version = elara.versions.get()
    del version.state["humor_level"]
    assert version.to_config().traits.humor_level == 5


def test_restore__another_owner_by_now__stays_theirs(elara: Personality, user: User) -> None:
    elara.owner = user
    elara.save()
    history.restore(elara, elara.versions.get(number=1)).save()
    elara.refresh_from_db()
    assert elara.owner == user
