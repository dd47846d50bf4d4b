"""The users that the tests look up, written past Django as another program would."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from coherence.cache import CoherentCache
from tests.database import sql

ID, OTHER, NOBODY = 1_000_001, 1_000_002, 1_000_003


def insert(id: int, name: str) -> None:
    flags, nothing = "is_superuser, is_staff, is_active", "password, first_name, last_name, email"
    sql(
        f"INSERT INTO auth_user (id, username, date_joined, {flags}, {nothing}) "
        "VALUES (%s, %s, now(), false, false, true, '', '', '', '')",
        id, name,
    )  # fmt: skip


def rename(name: str, id: int = ID) -> None:
    sql("UPDATE auth_user SET username = %s WHERE id = %s", name, id)


def clear_memory(names: CoherentCache[int, str]) -> None:
    names.clear_memory()


@contextmanager
def users_locked() -> Iterator[None]:
    """The database answers nobody about users."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE auth_user IN ACCESS EXCLUSIVE MODE")
        yield
