"""The listener's connections, as the server sees them."""

from typing import Any

import psycopg
from django.db import connection

from coherence import change_log
from coherence.listener import Listener
from tests.database import sql

NAME = "companion: change feed"
PIDS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"


def pids() -> list[int]:
    return [pid for (pid,) in sql(PIDS, NAME)]


def stop(listener: Listener) -> None:
    """Stop `listener` at once, however long it would wait for a notification."""
    listener._stopping.set()
    sql("SELECT pg_notify(%s, '')", change_log.CHANNEL)
    listener.stop()


def cut() -> None:
    assert [sql("SELECT pg_terminate_backend(%s)", pid) for pid in pids()] == [[(True,)]]


def no_pool() -> None:
    raise psycopg.OperationalError("there is no connection to be had")


def parameters() -> dict[str, Any]:
    """The parameters of a connection of one's own."""
    given = connection.get_connection_params()
    return {name: given[name] for name in ("host", "port", "user", "password", "dbname")}
