"""Prepares the database, then becomes the server. Runs inside .venv."""

import argparse
import os
import resource
import sys
from contextlib import suppress

import django
from django.core.management import CommandError, call_command

from companion.database_errors import exit_if_database_refuses
from companion.environment import exit_if_misconfigured
from resilience.advisory_lock import exclusively

# Clients that hold a connection and send nothing, or a byte at a time, must not keep others out: by default granian
# accepts 1,024 connections, each for 30 seconds, and buffers up to 400 KB of headers for each.
BOUNDS = ("--backpressure", "4096", "--http1-header-read-timeout", "10000", "--http1-buffer-size", "65536")
LASTING = "--respawn-failed-workers"  # else the death of one worker, by the OOM killer say, ends all of them
INTERFACE = ("--interface", "asginl", "--http", "1", "--no-ws")
# The arguments of `python -m`, as docs/operations.md runs it in production.
GRANIAN = ("companion.server", *INTERFACE, *BOUNDS, LASTING, "companion.asgi:application")
FILES = 16_384  # open at a time: one for each connection, and one for each request to a language model
QUIET = ("--log-level", "warning")
PREPARING = 0x636F6D70  # PostgreSQL's advisory locks are numbers; any that nobody else uses


def main() -> None:
    """Migrate, seed, create the demo administrator and warm the caches; then replace this process by granian."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True)
    parser.add_argument("--demo", required=True, help="file for the demo admin's password and API key")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
    with exit_if_misconfigured():
        django.setup()
    with exit_if_database_refuses(), exclusively(PREPARING):  # runs on one database prepare it in turn
        call_command("migrate", verbosity=0)
        call_command("seed_personalities", verbosity=0)
        call_command("create_demo_admin", options.demo)
    with suppress(CommandError):  # Redis is off or away, which the service itself will say
        call_command("warm_personality_cache", verbosity=0)
    _allow_files()
    command = [sys.executable, "-m", *GRANIAN, *QUIET, "--host", options.host, "--port", options.port]
    os.execv(sys.executable, command)  # noqa: S606


def _allow_files() -> None:
    """Raise the limit of open files to FILES, or as far as this machine permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
