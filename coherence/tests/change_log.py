"""The change log as tests write and read it."""

from django.db import transaction

from coherence import log
from tests.database import sql
from tests.waiting import wait_until

NUMBER = "SELECT coalesce(max(number), 0) FROM public.coherence_change"
CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"  # the lower bound of numbers


def number() -> int:
    """Return the newest change number of the log."""
    return int(sql(NUMBER)[0][0])


def note(*keys: str) -> int:
    """Commit a change of `keys`; return its number."""
    with transaction.atomic():
        log.note(keys)
        return number()


def forget_numbers(number: int) -> None:
    """Restore, as it were, a backup made at `number`, which takes longer than numbers can be ahead of the clock."""
    newest = sql(NUMBER)[0][0]
    sql("SELECT setval('coherence_number', %s)", number)
    wait_until(lambda: sql(f"SELECT {CLOCK}")[0][0] > newest)
