"""Pooled connections to PostgreSQL that are checked before they are lent out.

An idle connection may be dead without knowing it: a firewall has forgotten it and swallows what is sent, or the server
was restarted. So Django has psycopg_pool check each connection before a request gets it. As psycopg_pool does that, a
request could wait for the kernel to give up, 10 seconds each time, and meet the dead connections one after another. Two
things make it quick:

- A check fails after CHECK_SECONDS.
- When one fails, all that have been idle for as long are dead too, most likely: the same event killed them. They are
  invalidated together, as in SQLAlchemy when its "pre-ping" fails. The time at which the failed check began is noted;
  a connection on which PostgreSQL has not answered since fails its own check at once. And the pool is told to check
  all its idle connections now, which replaces them. Left alone it would find them dead one by one, and pause for a
  second after the second, for two after the third.
"""

import time
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.connection import _WAIT_INTERVAL
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from resilience.database import DeadlineConnection, Result, answer_within, is_deadline_over

CHECK_SECONDS = 0.3


class PooledConnection(DeadlineConnection):
    """A DeadlineConnection for a pool's `connection_class`. If its check fails, those idle for as long are invalid."""

    _answered_at = 0.0  # when PostgreSQL last answered on it, by time.monotonic
    _invalidated_at = float("-inf")  # of all connections of this process: invalid unless PostgreSQL has answered since

    def wait(self, gen: PQGen[Result], interval: float = _WAIT_INTERVAL, timeout: float | None = None) -> Result:
        """Wait for PostgreSQL within the deadline, and note when it answered."""
        answer = super().wait(gen, interval, timeout)
        self._answered_at = time.monotonic()
        return answer

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> psycopg.Cursor[TupleRow]:
        """Execute a query. The empty one, psycopg_pool's, checks the connection: Django allows no other way."""
        return super().execute(query, *args, **kwargs) if query != "" else self._check()

    def _check(self) -> psycopg.Cursor[TupleRow]:
        """Raise psycopg.OperationalError, and close the connection, unless PostgreSQL answers within CHECK_SECONDS.

        Once the deadline of `answer_within` is over, nothing is asked, for that would fail and so empty the pool:
        Django borrows a connection then too, to end the transaction of one that was closed, and runs nothing on it.
        """
        began_at = time.monotonic()
        if self._answered_at <= PooledConnection._invalidated_at:
            self.close()
            raise psycopg.OperationalError("a connection that was idle for no longer is dead")
        if is_deadline_over():
            return self.cursor()
        try:
            with answer_within(CHECK_SECONDS):
                return super().execute("")
        except psycopg.OperationalError:  # which has closed it, be it in `wait` or in libpq
            self._invalidate_idle(began_at)
            raise

    def _invalidate_idle(self, began_at: float) -> None:
        """Replace the connections on which PostgreSQL has not answered since the failed check `began_at`."""
        PooledConnection._invalidated_at = max(PooledConnection._invalidated_at, began_at)
        # Set by the pool while it lends this one out.
        pool: ConnectionPool[PooledConnection] | None = getattr(self, "_pool", None)
        if pool is not None:  # else the pool is checking all its idle connections already
            pool.check()
