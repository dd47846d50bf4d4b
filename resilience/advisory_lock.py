"""One process at a time, among all that use the same database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import IsolationLevel

from resilience.database import DeadlineConnection, own_parameters

POLL_SECONDS = 0.2
# Defaults that a role may have and that would end the transaction holding the lock; not every server knows both.
UNBOUNDED = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
"""


@contextmanager
def exclusively(number: int, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Hold PostgreSQL's advisory lock `number`, after waiting for whoever holds it. Raises psycopg.OperationalError.

    The lock belongs to a transaction on a connection of its own, so it also holds behind PgBouncer in transaction mode.
    It is polled: a statement that waited would have a snapshot, whose end the holder's CREATE INDEX CONCURRENTLY would
    wait for in turn.
    """
    with DeadlineConnection.connect(**own_parameters(connections[using])) as connection:
        connection.isolation_level = IsolationLevel.READ_COMMITTED  # any other keeps its first snapshot to the end
        connection.execute(UNBOUNDED)
        while connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [number]).fetchone() != (True,):
            time.sleep(POLL_SECONDS)
        yield
