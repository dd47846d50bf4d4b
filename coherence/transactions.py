from django.db import connection
from psycopg.pq import TransactionStatus

OPEN = {TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR}


def in_transaction() -> bool:
    """Whether what this thread reads may be what only it has written. Also after a BEGIN by hand; asks nobody."""
    if connection.in_atomic_block or connection.connection is None:
        return connection.in_atomic_block
    return connection.connection.pgconn.transaction_status in OPEN
