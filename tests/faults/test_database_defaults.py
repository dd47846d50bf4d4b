"""Whatever a role or a database sets by default, a session has what the service relies on."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, production_service
from tests.promises import Figure
from tooling.environment import ROOT

DATABASE = "strange"
STRANGE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "search_path": "app",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "bytea_output": "escape",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "timezone": "Asia/Kathmandu",
    "client_encoding": "LATIN1",
    "statement_timeout": "500ms",  # those that begin at once must leave time to replace them
    "idle_session_timeout": "500ms",
    "idle_in_transaction_session_timeout": "1ms",
    "lock_timeout": "1ms",
    "session_replication_role": "replica",
    "lc_messages": "C",
    "extra_float_digits": "-15",
    "companion.restoring": "on",
    "companion.pruning": "on",
}
INSTALL = """
from accounts.models import ApiKey
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
print(ApiKey.objects.issue(User.objects.create(username="root", is_staff=True, is_superuser=True))[1])
"""
WRITERS, WRITES = 6, 240 if LONG else 60
GREETING, TEMPERATURE = r"Größe \d 'x'", 0.723456
PATH = "/api/v1/personalities/contested/"


@contextmanager
def database(environment: Environment, **defaults: str) -> Iterator[dict[str, str]]:
    """Make a database with these defaults; yield the variables that name it."""
    environment.sql(f"CREATE DATABASE {DATABASE}")
    url = urlsplit(environment.postgres.url)._replace(path=f"/{DATABASE}").geturl()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app")
    for name, value in defaults.items():
        environment.sql(f"ALTER DATABASE {DATABASE} SET {name} = '{value}'")
    try:
        yield {"DATABASE_URL": url, "REDIS_KEY_PREFIX": "strange:"}
    finally:
        environment.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def prepare(environment: Environment, variables: dict[str, str]) -> str:
    """Install the service in an empty database; return an API key that may do everything."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", INSTALL]
    env = environment.variables | variables
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def contest(service: Service) -> Counter[int]:
    """Let six writers edit one personality; return how often there was which status."""
    made = {"personality_name": "contested", "archetype": "wise_mentor"}
    service.client.post("/api/v1/personalities/", json=made).raise_for_status()

    def write(number: int) -> int:
        return service.client.patch(PATH, json={"traits": {"humor_level": number % 11}}).status_code

    with ThreadPoolExecutor(WRITERS) as pool:
        return Counter(pool.map(write, range(WRITES)))


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"] if LONG else ["repeatable read"])
def test_isolation__another_by_default__writers_do_not_collide(
    environment: Environment, tmp_path: Path, figure: Figure, isolation: str
) -> None:
    with database(environment, default_transaction_isolation=isolation) as variables:
        key = prepare(environment, variables)
        with production_service(environment, key, tmp_path, **variables) as service:
            statuses = contest(service)
    figure(
        "B9",
        f"{WRITES} writes by {WRITERS} writers, {isolation} by default",
        "0 x 503",
        before="169 of 240",
        measured=f"{dict(statuses)}",
        met=statuses == {200: WRITES},
    )


def test_defaults__all_strange__installed_and_served(environment: Environment, tmp_path: Path, figure: Figure) -> None:
    with database(environment, **STRANGE) as variables:
        key = prepare(environment, variables)
        with production_service(environment, key, tmp_path, **variables) as service:
            statuses = contest(service)
            wished = {"greeting": GREETING, "generation": {"temperature": TEMPERATURE}}
            service.client.patch(PATH, json=wished).raise_for_status()
            edited = service.client.patch(PATH, json={"traits": {"humor_level": 5}}).json()
            time.sleep(1.2)  # a copy that no trigger has outdated would still be there
            read = service.client.get(PATH).json()
            versions = service.client.get(f"{PATH}versions/").json()
    right = edited == read and (read["greeting"], read["generation"]["temperature"]) == (GREETING, TEMPERATURE)
    right = right and read["meta"]["updated_at"][-1] == "Z" and versions["results"][0]["author"] == "root"
    figure(
        "B9.1",
        f"migrate, and {WRITES + 3} writes, with {len(STRANGE)} strange defaults",
        "all succeed, and are read back",
        before="migrate fails",
        measured=f"{dict(statuses)}, {versions['count']} versions, read back {'right' if right else 'wrong'}",
        met=statuses == {200: WRITES} and right and versions["count"] > 1,
        why=f"{edited}\n{read}",
    )
