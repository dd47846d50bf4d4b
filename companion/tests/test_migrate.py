"""`manage.py migrate` as several machines start it at the same time."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from personalities.management.commands.migrate import MIGRATING
from tests.database import empty_database
from tests.waiting import wait_until
from tooling.environment import ROOT

MIGRATE = (sys.executable, "manage.py", "migrate")


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of one without a table."""
    with empty_database() as url:
        yield url


def start(url: str, *arguments: str) -> "subprocess.Popen[str]":
    env = os.environ | {"DATABASE_URL": url}
    return subprocess.Popen(
        (*MIGRATE, *arguments), cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ends_well(running: "subprocess.Popen[str]") -> str:
    printed, _ = running.communicate(timeout=100)
    assert running.returncode == 0, printed
    return printed


def test_migrate__at_once_on_an_empty_database__all_succeed(database: str) -> None:
    """One of them one app alone, which brings others along."""
    several = [start(database), start(database), start(database, "personalities")]
    printed = [ends_well(running) for running in several]
    assert sum("No migrations to apply." in each for each in printed) >= 1, printed
    ends_well(start(database, "--check"))


WAITING = """
SELECT backend_xmin IS NULL FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE '%pg_try_advisory%' AND state = 'idle in transaction'
"""


def test_migrate__another_is_migrating__waits_without_a_snapshot(database: str) -> None:
    """Not even where transactions keep a snapshot to their end by default. Whoever only looks does not wait."""
    with psycopg.connect(database, autocommit=True) as other:
        name = sql.Identifier(other.info.dbname)
        other.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'").format(name))
        other.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
        waiting = start(database)
        wait_until(lambda: other.execute(WAITING).fetchall() == [(True,)])
        looking = start(database, "--check")
        looking.communicate(timeout=100)
        assert looking.returncode == 1  # something is to be migrated
        assert waiting.poll() is None
        other.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])
    assert "Applying personalities.0001" in ends_well(waiting)
