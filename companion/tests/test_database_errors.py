"""Commands and servers that find a database that they cannot use: one sentence that says what to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import DatabaseError, transaction

from companion.database_errors import exit_if_database_refuses
from tests.database import empty_database, sql
from tooling.environment import ROOT

GRANIAN = ("-m", "granian", "--interface", "asginl", "--port", "0", "companion.asgi:application")
REFUSED = "companion: the database of DATABASE_URL: "
ROLE = "without_create"


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    errors: str

    @property
    def is_one_sentence(self) -> bool:
        """Whether it said what is wrong with the database, and nothing else."""
        return self.code == 1 and self.errors.startswith(REFUSED) and self.errors.count("\n") == 1


def run(url: str, *arguments: str) -> Ended:
    env = os.environ | {"DATABASE_URL": url}
    ended = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    return Ended(ended.returncode, ended.stderr)


@pytest.mark.parametrize(
    ("encoding", "command"),
    [
        ("LATIN1", ("manage.py", "migrate")),
        ("SQL_ASCII", ("manage.py", "create_api_key", "root")),
        ("EUC_JP", GRANIAN),
        ("LATIN1", ("-m", "tooling.serve", "--host", "127.0.0.1", "--port", "1", "--demo", os.devnull)),
    ],
)
def test_start__encoding_that_cannot_hold_every_text__refused(encoding: str, command: tuple[str, ...]) -> None:
    with empty_database(encoding) as url:
        ended = run(url, *command)
    assert ended.is_one_sentence, ended.errors
    assert encoding in ended.errors
    assert "createdb --encoding=UTF8 --template=template0" in ended.errors


def test_serve__no_file_named_for_the_demo_key__written_nowhere() -> None:
    with empty_database() as url:
        ended = run(url, "-m", "tooling.serve", "--host", "127.0.0.1", "--port", "1")
    assert (ended.code, "--demo" in ended.errors) == (2, True)


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of one without a table."""
    with empty_database() as url:
        yield url


@pytest.fixture
def as_stranger(database: str) -> Iterator[str]:
    """The URL of the same for a role that owns nothing."""
    url = urlsplit(database)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'x'".encode())
        try:
            yield url._replace(netloc=f"{ROLE}:x@{url.netloc.rpartition('@')[2]}").geturl()
        finally:
            admin.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}".encode())


def test_migrate__role_may_not_create__told_which_right(as_stranger: str) -> None:
    ended = run(as_stranger, "manage.py", "migrate")
    assert ended.is_one_sentence, ended.errors
    assert "GRANT CREATE ON SCHEMA public" in ended.errors


def test_migrate__granted_what_the_sentence_names__succeeds(as_stranger: str, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"GRANT CREATE ON SCHEMA public TO {ROLE}".encode())
    ended = run(as_stranger, "manage.py", "migrate", "contenttypes", "-v", "0")
    assert ended == (0, "")


@pytest.mark.parametrize("command", ["seed_personalities", "create_api_key root", "warm_personality_cache"])
def test_command__not_migrated__told_to(database: str, command: str) -> None:
    ended = run(database, "manage.py", *command.split())
    assert ended.is_one_sentence, ended.errors
    assert "run `python manage.py migrate`" in ended.errors


@pytest.mark.parametrize("parameter", ["assume_role=no_such_role", "options=-c%20no_such=1"])
def test_command__only_the_server_can_tell_that_the_address_is_wrong__told_its_words(
    database: str, parameter: str
) -> None:
    ended = run(f"{database}?{parameter}", "manage.py", "seed_personalities")
    assert ended.is_one_sentence, ended.errors
    assert "no_such" in ended.errors


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SET LOCAL ROLE pg_monitor; DELETE FROM auth_user", "permission denied for table auth_user: its role lack"),
        ("SET LOCAL search_path = nowhere; CREATE TABLE made ()", "no schema has been selected to create in: the tab"),
        ("CREATE TABLE auth_user ()", 'relation "auth_user" already exists: no migration of this service'),
        (
            "SET TRANSACTION READ ONLY; CREATE TABLE made ()",
            "cannot execute CREATE TABLE in a read-only transaction: n",
        ),
    ],
)
def test_exit__what_an_operator_can_put_right__one_sentence(statement: str, told: str) -> None:
    with pytest.raises(SystemExit, match=f"^{REFUSED}{told}"), exit_if_database_refuses(), transaction.atomic():
        sql(statement)


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["SELECT nothing FROM auth_user", "SELECT 1 FROM nowhere", "SELECT 1 / 0"])
def test_exit__a_mistake_of_the_program_in_a_migrated_database__keeps_its_traceback(statement: str) -> None:
    with pytest.raises(DatabaseError), exit_if_database_refuses(), transaction.atomic():
        sql(statement)


@pytest.mark.django_db
def test_exit__with_traceback__raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", "check", "--traceback"])
    with pytest.raises(DatabaseError), exit_if_database_refuses():
        sql("SET LOCAL ROLE pg_monitor; DELETE FROM auth_user")
