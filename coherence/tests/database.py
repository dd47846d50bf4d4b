"""What tests ask PostgreSQL by themselves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from django.db import connection

Count = Callable[[int], AbstractContextManager[Any]]  # what django_assert_num_queries is


def sql(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else None


def somebody_waits() -> bool:
    """For what the transaction that asks has locked: other tests, in other databases, have waits of their own.

    Not by pg_stat_activity, which a transaction sees once.
    """
    return bool(sql("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"))
