"""Every way to write a personality. The serial number goes into the greeting, for raw SQL may forget the version."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from personalities.models import Personality

TABLE = Personality._meta.db_table


def _rows(name: str) -> "QuerySet[Personality]":
    return Personality.objects.filter(owner=None, personality_name=name)


def _changed(name: str, **values: object) -> Personality:
    row = _rows(name).get()
    for field, value in values.items():
        setattr(row, field, value)
    return row


def _sql(statement: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def create(name: str, serial: int) -> None:
    """INSERT by create()."""
    Personality.objects.create(personality_name=name, greeting=str(serial))


def save(name: str, serial: int) -> None:
    """UPDATE by save()."""
    _changed(name, greeting=str(serial)).save()


def save_in_transaction(name: str, serial: int) -> None:
    """UPDATE by save() in a transaction."""
    with transaction.atomic():
        save(name, serial)


def update_or_create(name: str, serial: int) -> None:
    """UPDATE by update_or_create()."""
    Personality.objects.update_or_create({"greeting": str(serial)}, owner=None, personality_name=name)


def bulk_create(name: str, serial: int) -> None:
    """INSERT by bulk_create()."""
    Personality.objects.bulk_create([Personality(personality_name=name, greeting=str(serial))])


def upsert(name: str, serial: int) -> None:
    """UPDATE by bulk_create() of a row that exists."""
    keys = ("owner", "personality_name")
    rows = [Personality(personality_name=name, greeting=str(serial))]
    Personality.objects.bulk_create(rows, update_conflicts=True, unique_fields=keys, update_fields=["greeting"])


def update(name: str, serial: int) -> None:
    """UPDATE by QuerySet.update()."""
    _rows(name).update(greeting=str(serial))


def bulk_update(name: str, serial: int) -> None:
    """UPDATE by bulk_update()."""
    Personality.objects.bulk_update([_changed(name, greeting=str(serial))], ["greeting"])


def delete(name: str, serial: int) -> None:
    """DELETE by QuerySet.delete()."""
    _rows(name).delete()


def instance_delete(name: str, serial: int) -> None:
    """DELETE by delete() of the row."""
    _rows(name).get().delete()


def raw_delete(name: str, serial: int) -> None:
    """DELETE by Django's _raw_delete(), which sends no signals."""
    rows = _rows(name)
    rows._raw_delete(rows.db)


def raw_sql(name: str, serial: int) -> None:
    """UPDATE by SQL."""
    _sql(f"UPDATE {TABLE} SET greeting = %s WHERE personality_name = %s", str(serial), name)


def raw_sql_many(prefix: str, serial: int) -> None:
    """UPDATE all whose names begin with `prefix`, in one statement."""
    _sql(f"UPDATE {TABLE} SET greeting = %s WHERE personality_name LIKE %s", str(serial), f"{prefix}%")


def truncate(name: str, serial: int) -> None:
    """TRUNCATE the table."""
    _sql(f"TRUNCATE {TABLE} CASCADE")


def admin_delete(name: str, serial: int) -> None:
    """Confirm the action "Delete selected" of the admin, as the browser posts it."""
    root, _ = User.objects.get_or_create(username="root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(root)
    data: dict[str, Any] = {"action": "delete_selected", "_selected_action": [_rows(name).get().pk], "post": "yes"}
    answer = client.post(reverse("admin:personalities_personality_changelist"), data)
    assert answer.status_code == 302, answer.content


def rename_by_save(name: str, serial: int, to: str) -> None:
    """Rename by save()."""
    _changed(name, personality_name=to, greeting=str(serial)).save()


def rename_by_update(name: str, serial: int, to: str) -> None:
    """Rename by QuerySet.update()."""
    _rows(name).update(personality_name=to, greeting=str(serial))


def rename_by_bulk_update(name: str, serial: int, to: str) -> None:
    """Rename by bulk_update()."""
    rows = [_changed(name, personality_name=to, greeting=str(serial))]
    Personality.objects.bulk_update(rows, ["personality_name", "greeting"])


def rename_by_sql(name: str, serial: int, to: str) -> None:
    """Rename by SQL."""
    statement = f"UPDATE {TABLE} SET personality_name = %s, greeting = %s WHERE personality_name = %s"
    _sql(statement, to, str(serial), name)


def rolled_back(name: str, serial: int) -> None:
    """Write and roll back; a read inside must not publish it."""
    with transaction.atomic():
        save(name, serial)
        assert Personality.objects.get_config(name).greeting == str(serial)
        transaction.set_rollback(True)


MAKING = (create, bulk_create)
CHANGING = (save, save_in_transaction, update_or_create, upsert, update, bulk_update, raw_sql, raw_sql_many)
DELETING = (delete, instance_delete, raw_delete, truncate, admin_delete)
RENAMING = (rename_by_save, rename_by_update, rename_by_bulk_update, rename_by_sql)
PATHS: dict[str, Callable[..., None]] = {
    path.__name__: path for path in (*MAKING, *CHANGING, *DELETING, *RENAMING, rolled_back)
}
