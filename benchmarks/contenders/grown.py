"""The service where many personalities are stored: a lookup of one that is asked for often, and of any."""

import gc
import os
import random
from collections.abc import Iterator
from itertools import cycle

import django
import psutil
from django.db import connection

from benchmarks.commands import Commands, timed
from benchmarks.fill import filler
from benchmarks.subject import NAME

BATCH = 100
SAMPLE = 100_000  # random names, chosen before anything is timed


def commands() -> Commands:
    django.setup()
    from personalities.models import Personality

    connection.ensure_connection()
    get_config = Personality.objects.get_config
    names = _random_names(int(os.environ["STORED"]))
    return timed(hot=lambda: get_config(NAME), any=lambda: get_config(next(names))) | {"fill": fill}


def _random_names(stored: int) -> Iterator[str]:
    chosen = random.Random(0)  # the same names in every run
    return cycle([filler(chosen.randint(1, stored)) for _ in range(SAMPLE)])


def fill(count: int) -> float:
    """Read so many different personalities; bytes of memory that each of them took."""
    before = _memory()
    for start in range(1, count + 1, BATCH):
        _read([filler(number) for number in range(start, min(start + BATCH, count + 1))])
    return (_memory() - before) / count


def _read(names: list[str]) -> None:
    """The first time from Redis, many at once; then one by one, which remembers how each name was spelled."""
    from personalities.models import Personality

    Personality.objects.get_configs(names)
    for name in names:
        Personality.objects.get_id(name)


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)
