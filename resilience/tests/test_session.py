"""What a session has, whatever its role or database has by default."""

from contextlib import closing
from typing import Any

import psycopg
import pytest
from django.db import connection

from resilience.database import KEEPALIVE, DeadlineConnection, UnusableDatabase
from tests.database import empty_database

pytestmark = pytest.mark.django_db(transaction=True)
# By name: what may be the default, and what is relied on.
SETTINGS = {
    "default_transaction_isolation": ("serializable", "read committed"),
    "default_transaction_read_only": ("on", "off"),
    "search_path": ("app", "public"),
    "standard_conforming_strings": ("off", "on"),
    "array_nulls": ("off", "on"),
    "bytea_output": ("escape", "hex"),
    "datestyle": ("German", "ISO, DMY"),
    "intervalstyle": ("iso_8601", "postgres"),
    "statement_timeout": ("5s", "0"),
    "lock_timeout": ("5s", "0"),
    "idle_in_transaction_session_timeout": ("5s", "0"),
    "idle_session_timeout": ("5s", "0"),
    "session_replication_role": ("replica", "origin"),
    "extra_float_digits": ("-15", "1"),
    "companion.restoring": ("on", "off"),
    "companion.pruning": ("on", "off"),
    "client_connection_check_interval": ("0", "1s"),
}


def connect(**more: Any) -> "closing[psycopg.Connection[Any]]":
    options = " ".join(f"-c {name}={default}" for name, (default, _) in SETTINGS.items())
    return closing(DeadlineConnection.connect(**connection.get_connection_params(), options=options, **more))


@pytest.mark.parametrize("autocommit", [True, False])
def test_connect__strange_defaults__set_for_good(autocommit: bool) -> None:
    """Also when the transaction in which somebody first used the connection is undone."""
    with connect(autocommit=autocommit) as made:
        made.execute("SELECT 1")
        made.rollback()
        found = {name: made.execute(f"SHOW {name}").fetchall()[0][0] for name in SETTINGS}
        assert found == {name: relied_on for name, (_, relied_on) in SETTINGS.items()}
        assert made.autocommit is autocommit


def test_connect__nothing_said_of_autocommit__off_as_psycopgs() -> None:
    with connect() as made:
        assert made.autocommit is False


def test_connect__role_to_assume__for_good() -> None:
    """Also when the transaction in which somebody first used the connection is undone."""
    with connect(role="pg_monitor") as made:
        made.execute("SELECT 1")
        made.rollback()
        assert made.execute("SELECT current_user").fetchone() == ("pg_monitor",)


def test_connect__role_that_does_not_exist__refused() -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="no_such_role"):
        connect(role="no_such_role")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_connect__encoding_that_cannot_hold_every_text__refused(encoding: str) -> None:
    with empty_database(encoding) as url, pytest.raises(UnusableDatabase, match=f"its encoding is {encoding}; only"):
        DeadlineConnection.connect(url)


def test_connect__the_machine_of_the_server_vanishes__noticed_as_the_table_of_bounds_says() -> None:
    """5 s of silence, then 3 questions, 2 s apart; and 10 s for what was sent."""
    connection.ensure_connection()
    given = connection.connection.info.get_parameters()
    keepalive = {name: int(given[name]) for name in KEEPALIVE}
    assert keepalive == {
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
