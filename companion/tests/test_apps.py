"""COMPANION_APPS: the store of personalities alone, in processes of their own, on a database that knew all apps."""

import os
import subprocess
import sys
from contextlib import closing

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from companion.tests.test_settings import start

ALL = {"preferences", "conversations", "chat"}
pytestmark = pytest.mark.apps(*ALL)  # the database is theirs, too
# Looks her up, reads her by the whole ASGI application, opens the admin; then tells what was imported.
SCRIPT = """
import asyncio, sys
from companion.asgi import application
from django.contrib.auth.models import User
from django.test import Client
from accounts.models import ApiKey
from companion.tests.asgi_client import AsgiClient, with_key, request
from personalities.models import Personality

key = ApiKey.objects.issue(User.objects.get(username="stella"))[1]
print(Personality.objects.get_config("elara").greeting)
browser = Client()
browser.force_login(User.objects.get(username="stella"))
print(browser.get("/admin/personalities/personality/").status_code, browser.get("/admin/cache/").status_code)
print("Playground" in browser.get("/admin/").content.decode(), "/chat/" in browser.get("/").content.decode())
with asyncio.Runner() as runner:
    ask = AsgiClient(runner)
    paths = ["/api/v1/personalities/elara/"] * 2 + ["/api/v1/preferences/", "/v1/models", "/metrics", "/readyz"]
    print(*[ask(application, request(path, with_key(key))).status for path in paths])
OTHERS = {"chat", "conversations", "preferences", "httptools", "rich"}  # the last is for commands, and takes 20 ms
print(*sorted({name.partition(".")[0] for name in sys.modules} & OTHERS))
"""

# Each as `manage.py` runs it, in one process: to start Django takes longer than any of them.
COMMANDS = """
from django.core.management import execute_from_command_line

for command in ("migrate", "check", "warm_personality_cache", "show_personality_cache"):
    execute_from_command_line(["manage.py", command])
"""


def run(*arguments: str, **changes: str) -> str:
    """Run Python without the apps and return what it prints; it must succeed. `changes` replace database settings."""
    database = connection.settings_dict | changes
    user = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
    url = f"postgresql://{user}@{database['HOST'] or '127.0.0.1'}:{database['PORT'] or 5432}/{database['NAME']}"
    environment = {
        "DJANGO_SETTINGS_MODULE": "companion.settings",
        "COMPANION_APPS": "",
        "DATABASE_URL": url,
        "REDIS_KEY_PREFIX": settings.REDIS_KEY_PREFIX,
    }
    command = [sys.executable, *arguments]
    result = subprocess.run(
        command, env=os.environ | environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def elara(transactional_db: None) -> None:
    from django.contrib.auth.models import User

    from personalities.models import Personality

    User.objects.create_superuser("stella")
    Personality.objects.create(personality_name="elara", greeting="Hello.")


def test_apps__none__she_is_served_and_nothing_of_them_is_imported(elara: None) -> None:
    assert run("-c", SCRIPT).splitlines() == ["Hello.", "200 200", "False False", "200 200 404 404 200 200", ""]


def test_apps__none__database_of_all_apps__nothing_to_migrate_and_commands_run(elara: None) -> None:
    printed = run("-c", COMMANDS)
    assert "No migrations to apply" in printed
    assert "no issues" in printed
    assert "elara" in printed


def test_apps__none__an_empty_database__migrated_without_their_tables(transactional_db: None) -> None:
    name = f"{connection.settings_dict['NAME']}_alone"
    parameters = connection.get_connection_params()
    with closing(psycopg.connect(**parameters, autocommit=True)) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            run("manage.py", "migrate", NAME=name)
            with closing(psycopg.connect(**parameters | {"dbname": name})) as migrated:
                tables = [table for (table,) in migrated.execute("SELECT tablename FROM pg_tables")]
        finally:
            server.execute(f'DROP DATABASE "{name}" (FORCE)')
    assert "personalities_personality" in tables
    assert not [table for table in tables if table.partition("_")[0] in ALL]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("preferences", ["preferences"]),
        (" chat,conversations , preferences,chat,", ["preferences", "conversations", "chat"]),
    ],
)
def test_settings__companion_apps__in_order(value: str, expected: list[str]) -> None:
    shown = start("print(settings.COMPANION_APPS, settings.INSTALLED_APPS[-1])", COMPANION_APPS=value).stdout
    assert shown == f"{expected} {expected[-1] if expected else 'personalities'}\n"


@pytest.mark.parametrize(
    ("value", "reason"),
    [("chats", "unknown: chats"), ("chat,preferences", "chat requires conversations"), ("personalities", "unknown")],
)
def test_settings__companion_apps__refused_by_name(value: str, reason: str) -> None:
    result = start(COMPANION_APPS=value)
    assert result.returncode
    assert "COMPANION_APPS" in result.stderr.splitlines()[-1]
    assert reason in result.stderr.splitlines()[-1]


def test_settings__companion_apps__all_unless_said() -> None:
    assert start("print(*settings.COMPANION_APPS)").stdout == "preferences conversations chat\n"
