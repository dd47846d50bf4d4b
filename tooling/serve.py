"""Prepares the database and serves, in one process: importing Django once keeps the start short. Runs inside .venv."""

import argparse
import os

import django
import uvicorn
from django.core.management import call_command


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--demo", help="file for the demo admin's password and API key")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("seed_personalities", verbosity=0)
    call_command("create_demo_admin", options.demo)
    uvicorn.run("companion.asgi:application", host=options.host, port=options.port, lifespan="off",
                log_config=None, access_log=False)  # fmt: skip


if __name__ == "__main__":
    main()
