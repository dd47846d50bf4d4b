"""What the state machine does to a row, whosever it is. The serial goes into the greeting: no two writes look alike."""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from personalities.models import Personality

TABLE = Personality._meta.db_table
KEY = ("owner", "personality_name")
Way = Callable[[Personality], None]
WAYS: dict[str, Way] = {}
UNHEARD = ("raw_sql", "raw_sql_delete", "raw_sql_rename", "truncate")  # of these no hook tells the own process
CREATING = ("create", "bulk_create", "get_or_create")
CHANGING = ("save", "save_in_transaction", "update", "update_or_create", "upsert", "bulk_update")
RENAMING = ("save", "update", "bulk_update", "raw_sql_rename")
DELETING = ("delete", "delete_rows", "raw_delete", "raw_sql_delete", "truncate")


def way(function: Way) -> Way:
    """Register a function that writes what the row says, or that deletes it. It may raise IntegrityError."""
    WAYS[function.__name__] = function
    return function


@way
def create(row: Personality) -> None:
    """INSERT by save()."""
    row.save(force_insert=True)


@way
def bulk_create(row: Personality) -> None:
    """INSERT by bulk_create()."""
    Personality.objects.bulk_create([row])


@way
def get_or_create(row: Personality) -> None:
    """INSERT by get_or_create()."""
    key = {"owner_id": row.owner_id, "personality_name": row.personality_name}
    Personality.objects.get_or_create({"greeting": row.greeting}, **key)


@way
def save(row: Personality) -> None:
    """UPDATE by save()."""
    row.save()


@way
def save_in_transaction(row: Personality) -> None:
    """UPDATE by save() in a transaction."""
    with transaction.atomic():
        row.save()


@way
def update(row: Personality) -> None:
    """UPDATE by QuerySet.update()."""
    _rows(row).update(personality_name=row.personality_name, greeting=row.greeting, is_active=row.is_active)


@way
def update_or_create(row: Personality) -> None:
    """UPDATE by update_or_create()."""
    values = {"greeting": row.greeting, "is_active": row.is_active}
    Personality.objects.update_or_create(values, owner_id=row.owner_id, personality_name=row.personality_name)


@way
def upsert(row: Personality) -> None:
    """UPDATE by bulk_create() of a row that exists."""
    fields = ("greeting", "is_active")
    Personality.objects.bulk_create([row], update_conflicts=True, unique_fields=KEY, update_fields=fields)


@way
def bulk_update(row: Personality) -> None:
    """UPDATE by bulk_update()."""
    Personality.objects.bulk_update([row], ["personality_name", "greeting", "is_active"])


@way
def raw_sql(row: Personality) -> None:
    """UPDATE by SQL."""
    _sql("UPDATE {table} SET greeting = %s, is_active = %s WHERE id = %s", row.greeting, row.is_active, row.pk)


@way
def raw_sql_rename(row: Personality) -> None:
    """Rename by SQL."""
    _sql("UPDATE {table} SET personality_name = %s WHERE id = %s", row.personality_name, row.pk)


@way
def delete(row: Personality) -> None:
    """DELETE by delete() of the row."""
    row.delete()


@way
def delete_rows(row: Personality) -> None:
    """DELETE by QuerySet.delete()."""
    _rows(row).delete()


@way
def raw_delete(row: Personality) -> None:
    """DELETE by Django's _raw_delete(), which sends no signals."""
    rows = _rows(row)
    rows._raw_delete(rows.db)


@way
def raw_sql_delete(row: Personality) -> None:
    """DELETE by SQL."""
    _sql("DELETE FROM {table} WHERE id = %s", row.pk)


@way
def truncate(row: Personality) -> None:
    """TRUNCATE the table."""
    _sql("TRUNCATE {table} CASCADE")


def wipe() -> None:
    """Delete all rows, so that copies of them count no longer."""
    _sql("DELETE FROM {table}")


def _rows(row: Personality) -> "QuerySet[Personality]":
    return Personality.objects.filter(pk=row.pk)


def _sql(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=TABLE), parameters)
