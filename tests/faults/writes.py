"""Every way to write a personality: PATHS to a global one by its name, WAYS to a row, whosever it is.

A way writes what the row says, or deletes it; it may raise IntegrityError. The serial number goes into the greeting:
raw SQL may forget the version, and so no two writes look alike.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from personalities.models import Personality

TABLE = Personality._meta.db_table
KEY = ("owner", "personality_name")
Way = Callable[[Personality], None]


def _sql(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _same(row: Personality) -> "QuerySet[Personality]":
    return Personality.objects.filter(pk=row.pk)


def create_row(row: Personality) -> None:
    """INSERT by save()."""
    row.save(force_insert=True)


def bulk_create_row(row: Personality) -> None:
    """INSERT by bulk_create()."""
    Personality.objects.bulk_create([row])


def get_or_create_row(row: Personality) -> None:
    """INSERT by get_or_create()."""
    key = {"owner_id": row.owner_id, "personality_name": row.personality_name}
    Personality.objects.get_or_create({"greeting": row.greeting}, **key)


def save_row(row: Personality) -> None:
    """UPDATE by save()."""
    row.save()


def save_row_in_transaction(row: Personality) -> None:
    """UPDATE by save() in a transaction."""
    with transaction.atomic():
        row.save()


def update_row(row: Personality) -> None:
    """UPDATE by QuerySet.update()."""
    _same(row).update(personality_name=row.personality_name, greeting=row.greeting, is_active=row.is_active)


def update_or_create_row(row: Personality) -> None:
    """UPDATE by update_or_create()."""
    values = {"greeting": row.greeting, "is_active": row.is_active}
    Personality.objects.update_or_create(values, owner_id=row.owner_id, personality_name=row.personality_name)


def upsert_row(row: Personality) -> None:
    """UPDATE by bulk_create() of a row that exists."""
    fields = ("greeting", "is_active")
    Personality.objects.bulk_create([row], update_conflicts=True, unique_fields=KEY, update_fields=fields)


def bulk_update_row(row: Personality) -> None:
    """UPDATE by bulk_update()."""
    Personality.objects.bulk_update([row], ["personality_name", "greeting", "is_active"])


def update_row_by_sql(row: Personality) -> None:
    """UPDATE by SQL."""
    _sql(f"UPDATE {TABLE} SET greeting = %s, is_active = %s WHERE id = %s", row.greeting, row.is_active, row.pk)


def rename_row_by_sql(row: Personality) -> None:
    """Rename by SQL."""
    _sql(f"UPDATE {TABLE} SET personality_name = %s WHERE id = %s", row.personality_name, row.pk)


def delete_row(row: Personality) -> None:
    """DELETE by delete() of the row."""
    row.delete()


def delete_row_by_query(row: Personality) -> None:
    """DELETE by QuerySet.delete()."""
    _same(row).delete()


def raw_delete_row(row: Personality) -> None:
    """DELETE by Django's _raw_delete(), which sends no signals."""
    rows = _same(row)
    rows._raw_delete(rows.db)


def delete_row_by_sql(row: Personality) -> None:
    """DELETE by SQL."""
    _sql(f"DELETE FROM {TABLE} WHERE id = %s", row.pk)


def wipe() -> None:
    """Delete all rows, so that copies of them count no longer."""
    _sql(f"DELETE FROM {TABLE}")


def _new(name: str, serial: int) -> Personality:
    return Personality(personality_name=name, greeting=str(serial))


def _rows(name: str) -> "QuerySet[Personality]":
    return Personality.objects.filter(owner=None, personality_name=name)


def _changed(name: str, **values: object) -> Personality:
    row = _rows(name).get()
    for field, value in values.items():
        setattr(row, field, value)
    return row


def create(name: str, serial: int) -> None:
    """INSERT by create()."""
    Personality.objects.create(personality_name=name, greeting=str(serial))


def save(name: str, serial: int) -> None:
    """UPDATE by save()."""
    save_row(_changed(name, greeting=str(serial)))


def save_in_transaction(name: str, serial: int) -> None:
    """UPDATE by save() in a transaction."""
    with transaction.atomic():
        save(name, serial)


def update_or_create(name: str, serial: int) -> None:
    """UPDATE by update_or_create()."""
    Personality.objects.update_or_create({"greeting": str(serial)}, owner=None, personality_name=name)


def bulk_create(name: str, serial: int) -> None:
    """INSERT by bulk_create()."""
    bulk_create_row(_new(name, serial))


def upsert(name: str, serial: int) -> None:
    """UPDATE by bulk_create() of a row that exists."""
    rows = [_new(name, serial)]
    Personality.objects.bulk_create(rows, update_conflicts=True, unique_fields=KEY, update_fields=["greeting"])


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
    delete_row(_rows(name).get())


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


def truncate(*_: object) -> None:
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
    save_row(_changed(name, personality_name=to, greeting=str(serial)))


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
WAYS: dict[str, Way] = {
    "create": create_row,
    "bulk_create": bulk_create_row,
    "get_or_create": get_or_create_row,
    "save": save_row,
    "save_in_transaction": save_row_in_transaction,
    "update": update_row,
    "update_or_create": update_or_create_row,
    "upsert": upsert_row,
    "bulk_update": bulk_update_row,
    "raw_sql": update_row_by_sql,
    "raw_sql_rename": rename_row_by_sql,
    "delete": delete_row,
    "delete_rows": delete_row_by_query,
    "raw_delete": raw_delete_row,
    "raw_sql_delete": delete_row_by_sql,
    "truncate": truncate,
}
