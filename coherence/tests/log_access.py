"""The change log as tests write and read it."""

from django.db import transaction

from coherence import change_log
from tests.database import sql

NUMBER = "SELECT coalesce(max(number), 0) FROM public.coherence_change"
CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"  # the lower bound of numbers


def number() -> int:
    """Return the newest change number of the log."""
    return int(sql(NUMBER)[0][0])


def record(*keys: str) -> int:
    """Commit a change of `keys`; return its number."""
    with transaction.atomic():
        change_log.record(keys)
        return number()


def empty_and_run_ahead(milliseconds: int) -> None:
    """Empty the log, and put numbers ahead of the clock, as many commits do, or a clock that was ahead."""
    sql("DELETE FROM coherence_change")
    sql(f"SELECT setval('coherence_number', {CLOCK} + %s)", milliseconds)


def forget_numbers() -> None:
    """Have numbers begin at the clock again."""
    sql("DELETE FROM coherence_change")
    sql("SELECT setval('coherence_number', 1)")


def restore(number: int) -> None:
    """Make the log look as if a backup made at `number` was restored: later numbers may be given out again."""
    sql("DELETE FROM coherence_change WHERE number > %s", number)
    sql("SELECT setval('coherence_number', %s)", number)


def history() -> str:
    """Return the name of the database's history."""
    return str(sql("SELECT name FROM coherence_history")[0][0])
