"""Another process of the service, which says whenever it is asked how somebody wants to be talked to."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

SCRIPT = """
import sys
import django
django.setup()
from preferences.models import Preferences

for user in sys.stdin:
    answer = Preferences.objects.lookup(int(user))
    print(answer.value.tone, answer.source, flush=True)
"""


def _environment(settings: Any) -> dict[str, str]:
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format_map(connection.settings_dict)
    redis = {"REDIS_URL": settings.REDIS_LOCATION, "REDIS_KEY_PREFIX": settings.REDIS_KEY_PREFIX}
    return os.environ | redis | {"DJANGO_SETTINGS_MODULE": "companion.settings", "DATABASE_URL": url}


@contextmanager
def another_process(settings: Any) -> Iterator[Callable[[int], list[str]]]:
    """Tone and source of the wishes of the user with that id."""
    command = [sys.executable, "-c", SCRIPT]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=_environment(settings), **pipes) as process:

        def ask(user: int) -> list[str]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{user}\n")
            process.stdin.flush()
            return str(process.stdout.readline()).split()

        yield ask
