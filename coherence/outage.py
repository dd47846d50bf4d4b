"""Is PostgreSQL out of reach, for all or for who writes?"""

from django.db import OperationalError
from psycopg.errors import ReadOnlySqlTransaction


def outage(error: BaseException | None) -> str | None:
    """What to tell callers, who may try again; None when it is no such error of Django's.

    After a failover it may be read-only for a while.
    """
    if error and isinstance(error.__cause__, ReadOnlySqlTransaction):
        return "The database takes no writes now."
    return "The database did not answer." if isinstance(error, OperationalError) else None
