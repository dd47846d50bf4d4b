"""However a database is brought back, nothing of it is lost, and an edit there is seen in time."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, production_service
from tests.promises import Figure
from tests.waiting import wait_until
from tooling import postgres
from tooling.environment import ROOT

BOUND = 1.2  # seconds
NAME = "restored"
FILL = f"""
from django.contrib.auth.models import User
from accounts.models import ApiKey
from conversations import pinning, turns
from conversations.models import Role
from conversations.turns import Draft
from personalities.models import Personality, authored
from preferences.models import Preferences
ann = User.objects.create_user("ann", password="secret")
ApiKey.objects.issue(ann)
Preferences.objects.create(user=ann, call_me="Ann")
for owner in (None, ann):
    with authored("ann", "Because."):
        row = Personality.objects.create(personality_name="{NAME}", greeting="1", owner=owner)
    conversation = pinning.start(ann, row.to_config())
    answer = Draft(Role.ASSISTANT, "Hello, Ann.", prompt_sha256=conversation.prompt_id)
    turns.append(conversation, [Draft(Role.USER, "Hello."), answer], "once")
    row.greeting, row.temperature, row.backstory = "2", 0.7, "Bridges."
    row.save()
    pinning.upgrade(conversation)
Personality.objects.create(personality_name="gone").delete()
"""
# What must be there again. Times are left out: JSON has them in milliseconds.
CONTENT = {
    "auth_user": "username, password",
    "accounts_apikey": "user_id, prefix",
    "preferences_preferences": "user_id, call_me",
    "personalities_personality": "id, owner_id, personality_name, greeting, temperature, version",
    "personalities_version": "id, personality_id, number, event, author, note, state::text",
    "conversations_prompt": "sha256, text",
    "conversations_conversation": "id, owner_id, personality_id, personality_version, prompt_id",
    "conversations_earlierprompt": "conversation_id, prompt_id",
    "conversations_message": "id, conversation_id, position, role, content, idempotency_key, prompt_sha256",
}
OUT_OF_FIXTURES = ("contenttypes", "auth.permission", "sessions", "coherence")


class Restore(NamedTuple):
    """A database to be restored: where its server is, the databases' URLs, and a folder for files."""

    source: str
    target: str
    folder: Path
    run: Callable[..., None]

    @property
    def names(self) -> tuple[str, str]:
        """The names of both databases."""
        return urlsplit(self.source).path[1:], urlsplit(self.target).path[1:]

    def file(self, name: str) -> str:
        """A file for the backup."""
        return str(self.folder / name)

    def manage(self, url: str, *arguments: str) -> None:
        """Run a management command on the database at `url`."""
        self.run(sys.executable, "manage.py", *arguments, DATABASE_URL=url)

    def create(self, *options: str) -> None:
        """Create the target."""
        self.run("createdb", f"--maintenance-db={self.source}", *options, self.names[1])

    def dump(self) -> str:
        """Dump the source; return the file."""
        self.run("pg_dump", "--format=custom", f"--file={self.file('dump')}", self.source)
        return self.file("dump")


def whole(restore: Restore) -> None:
    """pg_dump and pg_restore."""
    file = restore.dump()
    restore.create()
    restore.run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={restore.target}", file)


def plain(restore: Restore) -> None:
    """pg_dump as SQL, and psql."""
    restore.run("pg_dump", "--no-owner", f"--file={restore.file('sql')}", restore.source)
    restore.create()
    restore.run("psql", "-v", "ON_ERROR_STOP=1", "-q", "-f", restore.file("sql"), restore.target)


def data_only(restore: Restore, *options: str, **variables: str) -> None:
    """The schema first, then the data, by a role that is no superuser."""
    file = restore.dump()
    restore.create()
    restore.run("pg_restore", "--no-owner", "--exit-on-error", "--schema-only", f"--dbname={restore.target}", file)
    command = ("pg_restore", "--data-only", "--single-transaction", *options, f"--dbname={restore.target}", file)
    restore.run(*command, **variables)


def data_only_restoring(restore: Restore) -> None:
    """Data alone, with the setting that says so; triggers are on."""
    data_only(restore, PGOPTIONS="-c companion.restoring=on")


def data_only_without_triggers(restore: Restore) -> None:
    """Data alone with triggers off, for which one must be a superuser."""
    data_only(restore, "--disable-triggers")


def data_into_a_migrated_database(restore: Restore) -> None:
    """Data alone, into tables that `migrate` has made, without the rows that it has made too."""
    made = ("django_migrations", "django_content_type", "auth_permission")
    restore.run("pg_dump", "--format=custom", "--data-only", *(f"--exclude-table={table}" for table in made),
                f"--file={restore.file('data')}", restore.source)  # fmt: skip
    restore.create()
    restore.manage(restore.target, "migrate", "--verbosity=0")
    options = ("--data-only", "--single-transaction", f"--dbname={restore.target}", restore.file("data"))
    restore.run("pg_restore", *options, PGOPTIONS="-c companion.restoring=on")


def fixtures(restore: Restore) -> None:
    """dumpdata and loaddata"""
    excluded = [f"--exclude={label}" for label in OUT_OF_FIXTURES]
    load(restore, "--natural-foreign", *excluded)


def fixtures_of_everything(restore: Restore) -> None:
    """dumpdata without options, and loaddata twice"""
    load(restore)
    restore.manage(restore.target, "loaddata", "--verbosity=0", restore.file("data.json"))


def load(restore: Restore, *options: str) -> None:
    """Dump by dumpdata, migrate, and load by loaddata."""
    restore.manage(restore.source, "dumpdata", *options, f"--output={restore.file('data.json')}")
    restore.create()
    restore.manage(restore.target, "migrate", "--verbosity=0")
    restore.manage(restore.target, "loaddata", "--verbosity=0", restore.file("data.json"))


def template(restore: Restore) -> None:
    """A database made from the other as its template."""
    restore.create(f"--template={restore.names[0]}")


WAYS = [whole, plain, data_only_restoring, data_only_without_triggers, data_into_a_migrated_database, fixtures,
        fixtures_of_everything, template]  # fmt: skip

BROKEN_BEFORE = (data_only_restoring, data_into_a_migrated_database, fixtures, fixtures_of_everything)


@pytest.fixture(scope="module")
def run(environment: Environment) -> Callable[..., None]:
    """Run a program with PostgreSQL's on PATH."""
    folder = postgres.find()
    if not (folder / "pg_dump").exists():
        pytest.skip("there is no pg_dump beside the server")

    def program(*command: str, **variables: str) -> None:
        env = environment.variables | {"PATH": f"{folder}:{os.environ['PATH']}"} | variables
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    return program


@pytest.fixture(scope="module")
def source(environment: Environment, run: Callable[..., None]) -> str:
    """A database of a role that is no superuser, with one of everything in it."""
    environment.sql("CREATE ROLE ordinary LOGIN CREATEDB PASSWORD 'ordinary'")
    parts = urlsplit(environment.postgres.url)
    url = parts._replace(netloc=f"ordinary:ordinary@{parts.hostname}:{parts.port}", path="/b10_source").geturl()
    environment.sql("CREATE DATABASE b10_source OWNER ordinary")
    run(sys.executable, "manage.py", "migrate", "--verbosity=0", DATABASE_URL=url)
    run(sys.executable, "manage.py", "shell", "--verbosity=0", "-c", FILL, DATABASE_URL=url)
    return url


@pytest.fixture
def restore(
    source: str, run: Callable[..., None], tmp_path: Path, request: pytest.FixtureRequest, environment: Environment
) -> Restore:
    """As the ordinary role; except for what only a superuser may do."""
    way = request.node.callspec.params["way"]
    target = urlsplit(environment.postgres.url if way is data_only_without_triggers else source)
    return Restore(source, target._replace(path=f"/b10_{way.__name__}").geturl(), tmp_path, run)


def content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that counts in the database at `url`, by table."""
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2".encode()).fetchall()
            for table, columns in CONTENT.items()
        }


@pytest.mark.parametrize("way", WAYS if LONG else WAYS[::4], ids=lambda way: way.__name__)
def test_restore__each_way__nothing_lost_and_an_edit_seen_in_time(
    restore: Restore, way: Callable[[Restore], None], environment: Environment, figure: Figure
) -> None:
    way(restore)
    before, after = content(restore.source), content(restore.target)
    lost = [table for table in CONTENT if before[table] != after[table]]
    with environment.workers() as new:
        reader, writer = (new(DATABASE_URL=restore.target) for _ in range(2))
        first = reader.read(NAME).version
        reader.watch([NAME])
        written = writer.write("save", NAME, 3)
        wait_until(lambda: reader.read(NAME).version == 3, 10)
        seconds = (time.monotonic_ns() - written.returned) / 1e9
        reader.unwatch()
    history = content(restore.target)["personalities_version"]
    numbers = [row[2] for row in history[len(before["personalities_version"]) :]]
    figure(
        "B10",
        f"restored: {(way.__doc__ or '').rstrip('.')}",
        f"all rows; the edit seen within {BOUND} s, as the next version",
        before="stops at the history" if way in BROKEN_BEFORE else "",
        measured=f"{lost or 'all rows'}; {first}, then 3 after {seconds * 1000:.0f} ms, version {numbers}",
        met=not lost and first == 2 and seconds <= BOUND and numbers == [3],
    )


CUT_OFF = {
    "before indexes and triggers": ("--section=pre-data", "--section=data"),
    "before any row": ("--section=pre-data",),
}


@pytest.mark.parametrize("when", CUT_OFF if LONG else [*CUT_OFF][:1])
def test_restore__cut_off__not_ready_until_it_is_whole(
    source: str, run: Callable[..., None], tmp_path: Path, environment: Environment, figure: Figure, when: str
) -> None:
    target = urlsplit(source)._replace(path=f"/b10_cut_off_{len(CUT_OFF[when])}").geturl()
    restore = Restore(source, target, tmp_path, run)
    command = ("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", restore.dump())
    restore.create()
    run(*command, *CUT_OFF[when])
    with production_service(environment, "nobody", tmp_path, DATABASE_URL=target) as service:
        said = [readiness(service) for _ in range(2)]
        rest = ["--section=data", "--section=post-data"][len(CUT_OFF[when]) - 1 :]
        run(*command, *rest)
        wait_until(lambda: readiness(service).startswith("200"), 10)
    figure(
        "B10",
        f"a restore that is cut off {when}: /readyz",
        "503, and 200 once it is whole",
        before="200 ready" if len(rest) == 1 else "503",
        measured=f"{said[-1]}, then 200",
        met=all(each.startswith("503") for each in said),
    )


def readiness(service: Service) -> str:
    """The status of /readyz, and what it says of PostgreSQL."""
    answer = service.client.get("/readyz")
    return f"{answer.status_code} {answer.json()['postgresql']}"
