"""The service itself: its lookups, readers, editors and writes; and an empty call, which is in every figure."""

import gc
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count, cycle
from typing import Protocol, TypedDict
from unittest import mock

import django
import psutil
from django.db import connection, models

from benchmarks.contender import Commands, Stopwatch, timed
from benchmarks.databases import NAME, filler
from benchmarks.project import plain

BATCH = 100
SAMPLE = 100_000  # random names, chosen before anything is timed
OTHER = ""  # the name under which queries are counted that look no personality up
TWIN = """
CREATE TABLE twin (LIKE personalities_personality INCLUDING ALL);
DO $$ BEGIN EXECUTE (
    SELECT string_agg('ALTER TABLE twin ADD ' || pg_get_constraintdef(oid), ';')
    FROM pg_constraint WHERE conrelid = 'personalities_personality'::regclass AND contype = 'f'
); END $$;
INSERT INTO twin SELECT * FROM personalities_personality
"""


def nothing() -> Commands:
    """An empty call: what the loop itself costs."""
    return timed(id=lambda: None, config=lambda: None)


def lookups() -> Commands:
    """A process that has read the personality before and has a connection, as one that serves has."""
    django.setup()
    from personalities.models import Personality

    connection.ensure_connection()
    return timed(id=lambda: Personality.objects.get_id(NAME), config=lambda: Personality.objects.get_config(NAME))


def grown() -> Commands:
    """Many personalities are stored: a lookup of one that is often asked for, and of any."""
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
    """Read `count` different personalities; return the bytes of memory that each of them took."""
    before = _memory()
    for start in range(1, count + 1, BATCH):
        _read([filler(number) for number in range(start, min(start + BATCH, count + 1))])
    return (_memory() - before) / count


def _read(names: list[str]) -> None:
    """From Redis, many at once; then one by one, which remembers how each name was spelled."""
    from personalities.models import Personality

    Personality.objects.get_configs(names)
    for name in names:
        Personality.objects.get_id(name)


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


class ReaderCounts(TypedDict):
    """What a reader asked PostgreSQL: queries by name of a personality, and reads of the change log."""

    queries: Counter[str]
    polls: int


def reader() -> Commands:
    """A process that reads steadily, and counts all that it asks PostgreSQL meanwhile."""
    django.setup()
    return {"read": read}


def read(names: Sequence[str], rate: int, seconds: int) -> ReaderCounts:
    """Look up `rate` names a second, all known before; return what PostgreSQL was asked."""
    from coherence import change_log
    from personalities.models import Personality

    queries: Counter[str] = Counter()
    Personality.objects.get_configs(names)
    with (
        mock.patch.object(change_log, "since", side_effect=change_log.since) as polls,
        connection.execute_wrapper(_tally(queries)),
    ):
        _steadily(Personality.objects.get_config, names, rate, seconds)
    return {"queries": queries, "polls": polls.call_count}


def _steadily(lookup: Callable[[str], object], names: Sequence[str], rate: int, seconds: int) -> None:
    start = time.monotonic()
    for number, name in zip(range(rate * seconds), cycle(names), strict=False):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        lookup(name)


class _Execute(Protocol):
    def __call__(self, sql: str, parameters: dict[str, list[str]], many: bool, context: object) -> object: ...


def _tally(queries: Counter[str]) -> Callable[..., object]:
    def execute_and_count(
        execute: _Execute, sql: str, parameters: dict[str, list[str]], many: bool, context: object
    ) -> object:
        queries.update(parameters["names"] if "personalities_personality" in sql else [OTHER])
        return execute(sql, parameters, many, context)

    return execute_and_count


def editor() -> Commands:
    """Somebody who edits personalities."""
    django.setup()
    numbers = count()

    def edit(name: str) -> None:
        from personalities.models import Personality

        row = Personality.objects.get(personality_name=name)
        row.greeting = f"Edit {next(numbers)}"
        row.save()

    return {"edit": edit}


class Writer:
    """Writes of one model: of one column, and of BULK_ROWS rows at once."""

    def __init__(self, model: type[models.Model]) -> None:
        self._model, self._row = model, model._default_manager.get(personality_name=NAME)
        self._numbers, self._rows = count(), list[models.Model]()

    def save(self) -> None:
        """Save the row with another value."""
        setattr(self._row, "humor_level", next(self._numbers) % 11)  # noqa: B010  a plain model declares no columns
        self._row.save()

    def prepare(self) -> None:
        """Make the rows of the next `insert`."""
        names = [f"new-{next(self._numbers)}" for _ in range(int(os.environ["BULK_ROWS"]))]
        self._rows = [self._model(personality_name=name) for name in names]

    def insert(self) -> None:
        """Insert what `prepare` made."""
        self._model._default_manager.bulk_create(self._rows)


def writer() -> Commands:
    """Writes of the service, and the same of a plain model on a twin table that has neither triggers nor signals."""
    django.setup()
    from personalities.models import Personality

    with connection.cursor() as cursor:
        cursor.execute(TWIN)
    ours, its = Writer(Personality), Writer(plain("twin"))
    inserts = {"bulk": Stopwatch(ours.insert, ours.prepare), "plain_bulk": Stopwatch(its.insert, its.prepare)}
    return timed(save=ours.save, plain_save=its.save, **inserts)
