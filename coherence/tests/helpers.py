"""What tests of several parts need: a clock, a statement of SQL, a line in the log, and patience."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic, sleep
from typing import Any

from django.db import connection, transaction

from coherence import log

SECONDS = 20.0  # a busy machine may take so long for what takes none
NUMBER = "SELECT coalesce(max(number), 0) FROM public.coherence_change"
CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"  # what numbers are not below
Count = Callable[[int], AbstractContextManager[Any]]  # what django_assert_num_queries is


class Clock:
    """Shows the time that the test says."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def sql(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else None


def somebody_waits() -> bool:
    """For what the transaction that asks has locked: other tests, in other databases, have waits of their own.

    Not by pg_stat_activity, which a transaction sees once.
    """
    return bool(sql("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"))


def number() -> int:
    """The log's, which is that of its newest line."""
    return int(sql(NUMBER)[0][0])


def note(*keys: str) -> int:
    """A commit that changes them; its number."""
    with transaction.atomic():
        log.note(keys)
        return number()


def until(true: Callable[[], bool], seconds: float = SECONDS) -> float:
    """How many seconds it took."""
    started = monotonic()
    while not true():
        assert monotonic() - started < seconds
        sleep(0.005)
    return monotonic() - started


def forget_numbers(number: int) -> None:
    """A backup made at `number` is restored; that takes longer than numbers can be ahead of the clock."""
    newest = sql(NUMBER)[0][0]
    sql("SELECT setval('coherence_number', %s)", number)
    until(lambda: sql(f"SELECT {CLOCK}")[0][0] > newest)
