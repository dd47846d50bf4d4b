"""The change log as tests write and read it."""

from django.db import transaction

from coherence import log
from coherence.tests.database import sql
from coherence.tests.patience import until

NUMBER = "SELECT coalesce(max(number), 0) FROM public.coherence_change"
CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"  # what numbers are not below


def number() -> int:
    """The log's, which is that of its newest line."""
    return int(sql(NUMBER)[0][0])


def note(*keys: str) -> int:
    """A commit that changes them; its number."""
    with transaction.atomic():
        log.note(keys)
        return number()


def forget_numbers(number: int) -> None:
    """A backup made at `number` is restored; that takes longer than numbers can be ahead of the clock."""
    newest = sql(NUMBER)[0][0]
    sql("SELECT setval('coherence_number', %s)", number)
    until(lambda: sql(f"SELECT {CLOCK}")[0][0] > newest)
