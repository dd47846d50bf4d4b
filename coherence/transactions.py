"""Whether this thread is inside a transaction, told so cheaply that every lookup can ask."""

import threading
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from psycopg.pq import TransactionStatus

IDLE = (int(TransactionStatus.IDLE), int(TransactionStatus.UNKNOWN))  # unknown: broken, nobody reads over it


class Here(threading.local):
    """This thread's connection of Django's, if it ever had one. Django's own way to it costs more than a lookup."""

    connection: BaseDatabaseWrapper | None = None


here = Here()


@receiver(connection_created, dispatch_uid="coherence")
def _remember(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if connection.alias == DEFAULT_DB_ALIAS:
        here.connection = connection


def in_transaction() -> bool:
    """Whether what this thread reads may be what only it has written. Also after a BEGIN by hand; asks nobody."""
    django = here.connection
    if django is None or django.in_atomic_block or django.connection is None:
        return django is not None and django.in_atomic_block
    return django.connection.pgconn.transaction_status not in IDLE
