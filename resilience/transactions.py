"""Whether this thread is in a transaction, found out cheaply enough for every lookup; and after-commit hooks."""

import threading
from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from psycopg.pq import TransactionStatus

# UNKNOWN: the connection is broken, so nothing is read over it.
NOT_IN_TRANSACTION = (int(TransactionStatus.IDLE), int(TransactionStatus.UNKNOWN))


class ThisThread(threading.local):
    """This thread's Django connection, if it ever had one: getting it from Django costs more than a whole lookup."""

    connection: BaseDatabaseWrapper | None = None


this_thread = ThisThread()


@receiver(connection_created, dispatch_uid="transactions")
def _remember(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
    if connection.alias == DEFAULT_DB_ALIAS:
        this_thread.connection = connection


def in_transaction() -> bool:
    """Whether this thread is in a transaction, so that it may read rows which nobody else sees yet.

    True after a plain BEGIN, too. No query is made.
    """
    wrapper = this_thread.connection
    if wrapper is None:
        return False
    if wrapper.in_atomic_block or wrapper.connection is None:
        return wrapper.in_atomic_block
    return wrapper.connection.pgconn.transaction_status not in NOT_IN_TRANSACTION


def after_commit(function: Callable[..., object], *args: object, using: str = DEFAULT_DB_ALIAS) -> None:
    """Call `function` with the arguments once the transaction on database `using` commits; without one, at once.

    A failure is logged by Django and not raised: the rows are committed, whatever happens to a cache.
    """

    def call() -> None:
        function(*args)

    call.__qualname__ = getattr(function, "__qualname__", repr(function))  # Django's log names the hook by it
    transaction.on_commit(call, using=using, robust=True)
