#!/usr/bin/env python3
"""Django's commands, for an environment that holds the settings. `python3 dev.py manage …` brings one."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
    execute_from_command_line(sys.argv)
