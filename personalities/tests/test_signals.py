"""Every way to write that the manager offers drops the copies that it outdates: on commit, and not before."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from personalities.models import Personality

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def elara() -> Personality:
    """A personality with a copy in Redis."""
    row = Personality.objects.create(personality_name="elara", humor_level=1)
    Personality.objects.get_config("elara")
    return row


def level(name: str = "elara") -> int:
    return Personality.objects.get_config(name).traits.humor_level


def by_save(row: Personality) -> None:
    row.humor_level = 2
    row.save()


def by_save_of_one_field(row: Personality) -> None:
    row.humor_level = 2
    row.save(update_fields=["humor_level"])


def by_update(row: Personality) -> None:
    Personality.objects.filter(pk=row.pk).update(humor_level=2)


def by_bulk_update(row: Personality) -> None:
    row.humor_level = 2
    Personality.objects.bulk_update([row], ["humor_level"])


def by_update_or_create(row: Personality) -> None:
    Personality.objects.update_or_create(personality_name="Elara", defaults={"humor_level": 2})


def by_bulk_create(row: Personality) -> None:
    row.humor_level = 2
    Personality.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["humor_level"])


def by_delete_and_create(row: Personality) -> None:
    row.delete()
    Personality.objects.create(personality_name="elara", humor_level=2)


WRITES = [by_save, by_save_of_one_field, by_update, by_bulk_update, by_update_or_create, by_bulk_create,
          by_delete_and_create]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_write__committed__the_next_read_is_new(elara: Personality, write: Callable[[Personality], None]) -> None:
    write(elara)
    assert level() == 2


@pytest.mark.parametrize("write", WRITES)
def test_write__rolled_back__nothing_is_forgotten(
    elara: Personality, write: Callable[[Personality], None], redis: Any
) -> None:
    with transaction.atomic():
        write(elara)
        transaction.set_rollback(True)
    assert redis.exists(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:config")
    assert level() == 1


@pytest.mark.parametrize("write", WRITES)
def test_write__not_yet_committed__copies_stay(
    elara: Personality, write: Callable[[Personality], None], redis: Any
) -> None:
    with transaction.atomic():
        write(elara)
        assert redis.exists(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:config")
    assert not redis.exists(f"{settings.REDIS_KEY_PREFIX}personality:global:elara:config")


def rename_by_save(row: Personality) -> None:
    row.personality_name = "Vega"
    row.save()


def rename_by_update(row: Personality) -> None:
    Personality.objects.filter(pk=row.pk).update(personality_name="Vega")


def rename_by_bulk_update(row: Personality) -> None:
    row.personality_name = "Vega"
    Personality.objects.bulk_update([row], ["personality_name"])


@pytest.mark.parametrize("rename", [rename_by_save, rename_by_update, rename_by_bulk_update])
def test_rename__committed__old_name_is_gone_and_new_one_answers(
    elara: Personality, rename: Callable[[Personality], None]
) -> None:
    rename(elara)
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_id("elara")
    assert Personality.objects.get_id("vega") == elara.id


@pytest.mark.parametrize("rename", [rename_by_save, rename_by_update, rename_by_bulk_update])
def test_rename__to_a_name_with_a_copy__that_copy_goes_too(
    elara: Personality, rename: Callable[[Personality], None], redis: Any
) -> None:
    vega = Personality.objects.create(personality_name="vega", humor_level=7)
    assert level("vega") == 7
    assert Personality.objects.filter(pk=vega.pk)._raw_delete("default") == 1  # leaves the copy
    assert redis.exists(copy := f"{settings.REDIS_KEY_PREFIX}personality:global:vega:config")
    rename(elara)
    assert not redis.exists(copy)
    assert level("vega") == 1


def test_owner__given_away__both_scopes_forget(elara: Personality, user: User) -> None:
    elara.owner = user
    elara.save()
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_id("elara")
    assert Personality.objects.get_id("elara", user) == elara.id


@pytest.mark.parametrize("delete", [lambda row: row.delete(), lambda row: Personality.objects.all().delete()])
def test_delete__committed__gone(elara: Personality, delete: Callable[[Personality], Any]) -> None:
    delete(elara)
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_id("elara")


def test_delete__without_signals__this_process_knows_at_once(
    elara: Personality, out_of_touch: Callable[[float], None]
) -> None:
    """It reads the change log itself: nobody else does in this test."""
    assert Personality.objects.filter(pk=elara.pk)._raw_delete("default") == 1
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_id("elara")


def test_user__deleted__their_copies_are_forgotten(user: User, redis: Any) -> None:
    Personality.objects.create(personality_name="mira", owner=user)
    Personality.objects.get_id("mira", user)
    key = f"{settings.REDIS_KEY_PREFIX}personality:{user.pk}:mira:config"
    assert redis.exists(key)
    user.delete()
    assert not redis.exists(key)


def test_bulk_create__a_name_that_was_unknown__known_at_once() -> None:
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_id("mira")
    Personality.objects.bulk_create([Personality(personality_name="Mira")])
    assert Personality.objects.get_config("mira").personality_name == "mira"


@pytest.mark.parametrize("write", [by_save, by_save_of_one_field, by_update, by_bulk_update, by_update_or_create])
def test_version__changed__counts_one(elara: Personality, write: Callable[[Personality], None]) -> None:
    write(elara)
    assert Personality.objects.get_config("elara").meta.version == 2


def test_save__in_autocommit__writes_and_reads_the_log_and_asks_no_more(
    elara: Personality, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(2):
        by_save(elara)
    assert elara.version == 2


def test_version__nothing_to_save__the_row_in_hand_is_as_it_was(elara: Personality) -> None:
    elara.save(update_fields=[])
    assert elara.version == 1


def test_version__save_refused__the_row_in_hand_is_as_it_was(elara: Personality) -> None:
    elara.humor_level = 11
    with pytest.raises(IntegrityError):
        elara.save()
    assert elara.version == 1


def test_delete__renamed_but_not_saved__the_stored_name_is_forgotten(elara: Personality) -> None:
    elara.personality_name = "vega"
    elara.delete()
    with pytest.raises(Personality.DoesNotExist):
        Personality.objects.get_id("elara")


def test_version__saved_from_two_stale_copies__counts_both(elara: Personality) -> None:
    first, second = (Personality.objects.get(pk=elara.pk) for _ in range(2))
    by_save(first)
    second.greeting = "Hi"
    second.save()
    assert second.version == 3
    assert Personality.objects.get_config("elara").meta.version == 3
