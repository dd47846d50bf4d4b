"""PostgreSQL sessions with the defaults that we rely on, deadlines, and what to tell callers during an outage.

PostgreSQL's own timeouts are no help when the server itself hangs.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Self, TypeVar

import psycopg
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.abc import PQGen
from psycopg.connection import _WAIT_INTERVAL
from psycopg.conninfo import conninfo_to_dict, timeout_from_conninfo
from psycopg.errors import ReadOnlySqlTransaction, _WaitTimeout
from psycopg.rows import TupleRow

# What a role or a database may set otherwise, and what everything here relies on: one statement that sees what others
# have committed, one schema, the spelling of values that psycopg reads, no timeout but our own, and triggers that were
# not told of restoring or pruning. A standby stays read-only all the same. pgtrigger.ignore: setting it to nothing
# spares triggers an exception per row when they look it up; deleting 100,000 messages takes 1.5 s instead of 34 s.
DEFAULTS = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "search_path": "public",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "bytea_output": "hex",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "extra_float_digits": "1",
    "pgtrigger.ignore": "{}",
    "companion.restoring": "off",
    "companion.pruning": "off",
}
# transaction_timeout exists since PostgreSQL 17. session_replication_role differs only for superusers, and only they
# may set it; as `replica` it would keep triggers from running, and no change would be noted.
CONDITIONAL = """
CASE WHEN current_setting('transaction_timeout', true) <> '0' THEN set_config('transaction_timeout', '0', false) END,
CASE WHEN current_setting('session_replication_role') <> 'origin'
     THEN set_config('session_replication_role', 'origin', false) END
"""
_SET = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in DEFAULTS.items())
SESSION = f"SELECT {_SET}, {CONDITIONAL}"  # noqa: S608  built from constants
# The kernel keeps idle connections alive, and notices the death of one that is waited for; libpq's parameters, in
# seconds and milliseconds.
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
# The server drops a query whose client has gone; otherwise every attempt at a locked row would leave a backend waiting.
NOTICE_VANISHED_CLIENTS = "SELECT set_config('client_connection_check_interval', '1s', false)"
ENCODING = "UTF8"  # a database keeps the one that it was made with
ENCODING_ADVICE = "only UTF8 holds every text: make another with `createdb --encoding=UTF8 --template=template0`"

Result = TypeVar("Result")

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Fail every query of this thread with OperationalError once `seconds` have passed.

    Nested deadlines never extend an outer one.
    """
    outer, ours = _deadline.get(), time.monotonic() + seconds
    token = _deadline.set(ours if outer is None else min(outer, ours))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float | None:
    """How long `answer_within` still lets this thread wait, in seconds: 0 once it is over, None without a limit."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def is_deadline_over() -> bool:
    """Whether the time of `answer_within` has passed, so that every query of this thread fails."""
    deadline = _deadline.get()
    return deadline is not None and deadline <= time.monotonic()


def outage(error: BaseException | None) -> str | None:
    """The message for a caller who may retry when `error` is a database outage; None for any other error.

    PostgreSQL also counts as out of reach for writers while it is read-only, as it may be after a failover.
    """
    if error and isinstance(error.__cause__, ReadOnlySqlTransaction):
        return "The database takes no writes now."
    return "The database did not answer." if isinstance(error, OperationalError) else None


def own_parameters(database: BaseDatabaseWrapper) -> dict[str, Any]:
    """Arguments to DeadlineConnection.connect for connections to `database` like Django's, but outside its pool."""
    return database.get_connection_params() | {"role": database.settings_dict["OPTIONS"].get("assume_role")}


class UnusableDatabase(psycopg.OperationalError):
    """Its encoding is not UTF8: some texts would be errors, and no session can change that."""


class DeadlineConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection that honours `answer_within`. After a timeout it is closed: its answer may still arrive."""

    @classmethod
    def connect(
        cls, conninfo: str = "", *, autocommit: bool = False, role: str | int | None = None, **kwargs: Any
    ) -> Self:
        """Connect as psycopg does, then run SESSION: PgBouncer would refuse it as startup options. Assume `role`.

        Setting up the session may take as long as connecting to a host, `connect_timeout`: a pooler may let us in, and
        then have no server for us. Raises UnusableDatabase, and whatever psycopg's raises.
        """
        made = super().connect(conninfo, autocommit=True, **kwargs)
        try:
            made._check_encoding()
            with answer_within(timeout_from_conninfo(conninfo_to_dict(conninfo, **kwargs))):
                made._set_up(role)
        except psycopg.Error:
            made.close()
            raise
        made.autocommit = autocommit
        return made

    def _set_up(self, role: str | int | None) -> None:
        self.execute(SESSION)
        if role is not None:
            self.execute("SELECT set_config('role', %s, false)", [str(role)])
        with suppress(psycopg.errors.InvalidParameterValue):  # a server on Windows cannot check for vanished clients
            self.execute(NOTICE_VANISHED_CLIENTS)

    def _check_encoding(self) -> None:
        """The server reports it unasked; a pooler may not pass it on."""
        encoding = self.info.parameter_status("server_encoding")
        if encoding not in {ENCODING, None}:
            raise UnusableDatabase(f"its encoding is {encoding}; {ENCODING_ADVICE}")

    def wait(self, gen: PQGen[Result], interval: float = _WAIT_INTERVAL, timeout: float | None = None) -> Result:
        """Wait for PostgreSQL, no longer than the deadline allows. Raises psycopg.OperationalError after it."""
        left = seconds_left()
        try:
            return super().wait(gen, interval, timeout if left is None else left)
        except _WaitTimeout:
            if left is None:
                raise
            self.close()
            raise psycopg.OperationalError("PostgreSQL did not answer in time") from None
