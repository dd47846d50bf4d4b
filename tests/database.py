"""What tests ask PostgreSQL directly."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from django.db import connection

Count = Callable[[int], AbstractContextManager[Any]]  # the type of the fixture django_assert_num_queries


def sql(statement: str, *parameters: Any) -> Any:
    """Execute one statement; return its rows, or None if it yields none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else None


def somebody_waits() -> bool:
    """Whether another transaction waits for a lock of the one that asks.

    Tests in other databases have waits of their own, which do not count. pg_stat_activity would not do: a transaction
    sees only one snapshot of it.
    """
    return bool(sql("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"))
