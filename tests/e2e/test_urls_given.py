"""With both URLs set nothing is started and nothing is owned: any number run side by side."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from tests.e2e.conftest import Start
from tests.e2e.instance import Instance
from tests.e2e.processes import uids_of

SERVERS = ("postgres", "valkey-server", "redis-server")


@pytest.fixture(scope="module")
def databases() -> Iterator[list[str]]:
    """The URLs of two new databases on the suite's server."""
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    names = [f"e2e_{secrets.token_hex(4)}" for _ in range(2)]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        for name in names:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield [f"{server}/{name}" for name in names]
        for name in names:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared") / "var"


@pytest.fixture(scope="module")
def three(databases: list[str], var: Path) -> Iterator[list[Instance]]:
    """Two on one database that is still empty, one on another, all started at once on one var/."""
    one, other = databases
    with ExitStack() as stack:
        started = [Instance(var, extra=urls(database)) for database in (one, one, other)]
        for running in started:
            stack.callback(running.stop)
        yield [running.wait_for_block() for running in started]


def urls(database: str) -> dict[str, str]:
    """The suite's servers. The prefix sets their keys apart, and lets the suite's clean-up find them."""
    prefix = f"{settings.REDIS_KEY_PREFIX}{database.rpartition('/')[2]}:"
    return {"DATABASE_URL": database, "REDIS_URL": os.environ["REDIS_URL"], "REDIS_KEY_PREFIX": prefix}


def test_urls_given__started_at_once__all_serve(three: list[Instance]) -> None:
    assert len({running.url for running in three}) == 3
    assert all(running.is_ready() for running in three)
    assert all(running.elara()["personality_name"] == "elara" for running in three)


def test_urls_given__up__no_server_started(three: list[Instance], instance: Instance) -> None:
    assert uids_of("postgres", instance.processes())  # it would be noticed
    assert not [name for name in SERVERS for running in three if uids_of(name, running.processes())]


def test_urls_given__one_database__one_password(three: list[Instance]) -> None:
    one, same, other = (running.password for running in three)
    assert one == same != other


def test_urls_given__one_more_stopped__others_go_on_and_its_password_stays(
    three: list[Instance], databases: list[str], start: Start, var: Path
) -> None:
    more = start(var, extra=urls(databases[0]))
    more.stop()
    assert more.password == three[0].password
    assert all(running.is_ready() for running in three)
