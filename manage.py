#!/usr/bin/env python3
"""Django's commands, with the settings of the environment and of `.env`. `python3 dev.py manage …` brings servers."""

import os
import sys

import psycopg
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import OperationalError

from companion.environment import exit_if_misconfigured

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
    with exit_if_misconfigured():
        _ = settings.DEBUG  # reads them
    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, psycopg.OperationalError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"companion: the database of DATABASE_URL: {' '.join(str(error).split())}")
