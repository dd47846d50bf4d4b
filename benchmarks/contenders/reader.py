"""The service, reading steadily, and everything that it asks PostgreSQL meanwhile."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any
from unittest import mock

import django
from django.db import connection

from benchmarks.commands import Commands

OTHER = ""  # the name under which queries are counted that look no personality up


def commands() -> Commands:
    django.setup()
    return {"read": read}


def read(names: Sequence[str], rate: int, seconds: int) -> dict[str, Any]:
    """How often each name was queried, and the change log read, in so many lookups a second of names known before."""
    from coherence import log
    from personalities.models import Personality

    queries: Counter[str] = Counter()
    Personality.objects.get_configs(names)
    with mock.patch.object(log, "since", side_effect=log.since) as polls, connection.execute_wrapper(_tally(queries)):
        _steadily(Personality.objects.get_config, names, rate, seconds)
    return {"queries": queries, "polls": polls.call_count}


def _steadily(lookup: Callable[[str], object], names: Sequence[str], rate: int, seconds: int) -> None:
    start = time.monotonic()
    for number, name in zip(range(rate * seconds), cycle(names), strict=False):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        lookup(name)


def _tally(queries: Counter[str]) -> Callable[..., Any]:
    def execute_and_count(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        queries.update(parameters["names"] if "personalities_personality" in sql else [OTHER])
        return execute(sql, parameters, many, context)

    return execute_and_count
