"""A two-phase commit of what is watched is refused, and leaves nothing behind."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.environment import Environment
from tests.faults.servers import PostgresServer
from tests.promises import Figure
from tooling.environment import ROOT

EDIT = "UPDATE auth_user SET is_active = NOT is_active"
ELSEWHERE = "INSERT INTO django_session (session_key, session_data, expire_date) VALUES ('two', '', now())"


@pytest.fixture
def url(environment: Environment, tmp_path: Path) -> Iterator[str]:
    """A migrated database with a user, on a server that can prepare transactions."""
    server = PostgresServer(tmp_path / "postgres", secrets.token_urlsafe(24))
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 2")
        server.halt()
        server.restart()
        make = "from django.contrib.auth.models import User; User.objects.create_user('ann')"
        for command in (["migrate", "--verbosity=0"], ["shell", "--verbosity=0", "-c", make]):
            env = environment.variables | {"DATABASE_URL": server.url}
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=env, check=True, timeout=60)
        yield server.url
    finally:
        server.stop()


def test_two_phase__watched_rows_changed__refused_and_nothing_kept(url: str, figure: Figure) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"BEGIN; {EDIT}")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="cannot PREPARE") as refused:
            connection.execute("PREPARE TRANSACTION 'watched'")
        connection.execute(f"BEGIN; {ELSEWHERE}; PREPARE TRANSACTION 'other'")
        connection.execute("COMMIT PREPARED 'other'")
        changed = connection.execute("SELECT count(*) FROM auth_user WHERE NOT is_active").fetchone()
        left = connection.execute("SELECT count(*) FROM pg_prepared_xacts").fetchone()
        connection.execute(EDIT)
    figure(
        "B14",
        "PREPARE TRANSACTION after a change of a watched row",
        "refused; nothing kept, no lock left; others can be prepared",
        measured=f"{str(refused.value).splitlines()[0]}; {changed} changed, {left} prepared",
        met=changed == left == (0,),
    )
