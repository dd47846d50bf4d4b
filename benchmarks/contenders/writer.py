"""Writes of the service, and the same of a plain model on a twin table that has neither triggers nor signals."""

import os
from itertools import count
from typing import Any

import django
from django.db import connection

from benchmarks.commands import Commands, timed
from benchmarks.plain import plain
from benchmarks.stopwatch import Stopwatch
from benchmarks.subject import NAME

TWIN = """
CREATE TABLE twin (LIKE personalities_personality INCLUDING ALL);
DO $$ BEGIN EXECUTE (
    SELECT string_agg('ALTER TABLE twin ADD ' || pg_get_constraintdef(oid), ';')
    FROM pg_constraint WHERE conrelid = 'personalities_personality'::regclass AND contype = 'f'
); END $$;
INSERT INTO twin SELECT * FROM personalities_personality
"""


class Writer:
    def __init__(self, model: Any) -> None:
        self._model, self._row = model, model.objects.get(personality_name=NAME)
        self._numbers, self._rows = count(), list[Any]()

    def save(self) -> None:
        self._row.humor_level = next(self._numbers) % 11
        self._row.save()

    def prepare(self) -> None:
        names = [f"new-{next(self._numbers)}" for _ in range(int(os.environ["BULK_ROWS"]))]
        self._rows = [self._model(personality_name=name) for name in names]

    def insert(self) -> None:
        self._model.objects.bulk_create(self._rows)


def commands() -> Commands:
    django.setup()
    from personalities.models import Personality

    with connection.cursor() as cursor:
        cursor.execute(TWIN)
    ours, its = Writer(Personality), Writer(plain("twin"))
    inserts = {"bulk": Stopwatch(ours.insert, ours.prepare), "plain_bulk": Stopwatch(its.insert, its.prepare)}
    return timed(save=ours.save, plain_save=its.save, **inserts)
