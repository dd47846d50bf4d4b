"""How long PostgreSQL may take. Its own timeouts are no help when it is the server that hangs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Self

import psycopg
from psycopg.errors import _WaitTimeout

# The server lets go of what nobody waits for any more; else each try for a locked row would leave one waiting. What
# pgtrigger ignores is said, though it is nothing: triggers would learn it by an error for each row, and to delete
# 100,000 messages would take 34 s, not 1.5.
SESSION = """
SELECT set_config('client_connection_check_interval', '1s', false), set_config('pgtrigger.ignore', '{}', false)
"""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Whatever this thread asks PostgreSQL meanwhile fails with OperationalError when the time is over.

    Inside another one, it ends with that at the latest.
    """
    outer, ours = _deadline.get(), time.monotonic() + seconds
    token = _deadline.set(ours if outer is None else min(outer, ours))
    try:
        yield
    finally:
        _deadline.reset(token)


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection that heeds `answer_within`. Once too late it is closed: its answer may still come."""

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Self:
        """As psycopg's, with SESSION: not as startup options, which PgBouncer refuses."""
        made = super().connect(*args, **kwargs | {"autocommit": True})
        with suppress(psycopg.errors.InvalidParameterValue):  # one on Windows cannot look whether a client is there
            made.execute(SESSION)
        made.autocommit = kwargs.get("autocommit", False)
        return made

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> "psycopg.Cursor[Any]":
        """Too late for anything, the empty query, by which the pool asks whether a connection lives, is not sent.

        Django takes another one to end the transaction of one that was given up, and asks nothing of it. The pool would
        throw away one by one for two seconds.
        """
        deadline = _deadline.get()
        if query == "" and deadline is not None and deadline <= time.monotonic():
            return self.cursor()
        return super().execute(query, *args, **kwargs)

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        deadline = _deadline.get()
        if deadline is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(gen, *args, **kwargs | {"timeout": max(0.0, deadline - time.monotonic())})
        except _WaitTimeout:
            self.close()
            raise psycopg.OperationalError("PostgreSQL did not answer in time") from None
