"""Prepares the database and serves, in one process: importing Django once keeps the start short. Runs inside .venv."""

import argparse
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import django
import uvicorn
from django.core.management import CommandError, call_command
from django.db import connection

PREPARING = 0x636F6D70  # PostgreSQL's advisory locks are numbers; any that nobody else uses


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listener", type=int, help="descriptor of the listening socket")
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
    config = uvicorn.Config("companion.asgi:application", lifespan="off", log_config=None, access_log=False)
    uvicorn.Server(config).run([socket.socket(fileno=options.listener)])


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Runs that share a database prepare it one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARING])
        yield
        cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARING])


if __name__ == "__main__":
    main()
