#!/usr/bin/env python3
"""Django's commands, with the settings of the environment and of `.env`. `python3 dev.py manage …` brings servers."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

from companion.database_errors import exit_if_database_refuses
from companion.environment import exit_if_misconfigured

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
    with exit_if_misconfigured():
        _ = settings.DEBUG  # reads them
    with exit_if_database_refuses():
        execute_from_command_line(sys.argv)
