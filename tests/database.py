"""What tests ask PostgreSQL directly."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection
from psycopg import sql as composed

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


@contextmanager
def empty_database(encoding: str = "UTF8") -> Iterator[str]:
    """Make a database without a table, on the server that tests use; yield its URL, and drop it afterwards."""
    url, name = urlsplit(os.environ["DATABASE_URL"]), f"empty_{secrets.token_hex(6)}"
    made = composed.SQL("CREATE DATABASE {} ENCODING {} LOCALE 'C' TEMPLATE template0")
    with psycopg.connect(url.geturl(), autocommit=True) as server:
        server.execute(made.format(composed.Identifier(name), composed.Literal(encoding)))
        yield urlunsplit(url._replace(path=f"/{name}"))
        server.execute(composed.SQL("DROP DATABASE {} WITH (FORCE)").format(composed.Identifier(name)))
