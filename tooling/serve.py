"""Prepares the database, and becomes the server. Runs inside .venv."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import django
from django.core.management import CommandError, call_command
from django.db import connection

# As the README runs it in production.
GRANIAN = ("-m", "granian", "--interface", "asginl", "--http", "1", "--no-ws", "companion.asgi:application")
QUIET = ("--log-level", "warning")
PREPARING = 0x636F6D70  # PostgreSQL's advisory locks are numbers; any that nobody else uses


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port")
    parser.add_argument("--demo", help="file for the demo admin's password and API key")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
    django.setup()
    with _one_at_a_time():
        call_command("migrate", verbosity=0)
        call_command("seed_personalities", verbosity=0)
        call_command("create_demo_admin", options.demo)
    with suppress(CommandError):  # Redis is off or away, which the service itself will say
        call_command("warm_personality_cache", verbosity=0)
    os.execv(sys.executable, [sys.executable, *GRANIAN, *QUIET, "--host", options.host, "--port", options.port])  # noqa: S606


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Runs that share a database prepare it one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARING])
        yield
        cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARING])


if __name__ == "__main__":
    main()
