"""What a command says when the database cannot be used as it is: one sentence that says what to do, no traceback."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError, connection
from psycopg.errors import (
    DuplicateTable,
    InsufficientPrivilege,
    InvalidSchemaName,
    ReadOnlySqlTransaction,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedTable,
)
from psycopg_pool import PoolTimeout

from resilience.database import DeadlineConnection, own_parameters

REFUSED = "the database of DATABASE_URL"
ADVICE: dict[type[psycopg.Error], str] = {
    InsufficientPrivilege: "its role lacks that right. To migrate it needs GRANT CREATE ON SCHEMA public TO that role; "
    "the tables then belong to it, and every other role needs grants of its own",
    DuplicateTable: "no migration of this service is known to have made it: give the service a database of its own, or "
    "restore the table django_migrations too",
    InvalidSchemaName: "the tables are made in the schema public: CREATE SCHEMA public",
    ReadOnlySqlTransaction: "name the primary, not a standby",
}
UNMIGRATED = "run `python manage.py migrate` first"


@contextmanager
def exit_if_database_refuses() -> Iterator[None]:
    """Exit with code 1 and one line on standard error for what an operator can put right.

    Errors of the program itself keep their traceback, and with --traceback every error does.
    """
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # its warnings say the same, once for each attempt
    try:
        yield
    except (DatabaseError, psycopg.Error) as error:
        sentence = None if "--traceback" in sys.argv else _sentence(_as_psycopg(error))
        if sentence is None:
            raise
        sys.exit(f"companion: {REFUSED}: {sentence}")


def _as_psycopg(error: BaseException) -> BaseException:
    """Django wraps psycopg's errors, and some of its own hide those."""
    inner = error.__cause__ or error.__context__
    return error if isinstance(error, psycopg.Error) or inner is None else _as_psycopg(inner)


def _sentence(error: BaseException) -> str | None:
    if isinstance(error, PoolTimeout):
        return _words(_why_no_connection() or error)
    if isinstance(error, UndefinedTable | UndefinedColumn | UndefinedFunction) and _lacks_migrations():
        return f"{_words(error)}: {UNMIGRATED}"
    for kind, advice in ADVICE.items():
        if isinstance(error, kind):
            return f"{_words(error)}: {advice}"
    return _words(error) if isinstance(error, psycopg.OperationalError) else None


def _words(error: BaseException) -> str:
    """What PostgreSQL said of it, without the statement."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or " ".join(str(error).split())


def _why_no_connection() -> psycopg.Error | None:
    """The pool says only that it got none in time; one that is made without it fails with the reason."""
    try:
        DeadlineConnection.connect(**own_parameters(connection)).close()
    except psycopg.Error as error:
        return error
    return None


def _lacks_migrations() -> bool:
    """Whether it was not migrated to this release. In `migrate` itself what is missing is a mistake in a migration."""
    from companion.database_schema import schema  # here, since it needs loaded applications

    return "migrate" not in sys.argv and not schema.is_migrated()
