"""Makes tests with PostgreSQL cheap: one migrated template for all processes, and tables emptied without TRUNCATE."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from psycopg import sql

from coherence.feed import feed

# Rows that migrations or the feed make and no test changes: Django's flush would remove and recreate them each time.
KEPT = {"django_migrations", "django_content_type", "auth_permission", "coherence_history"}


def use_template(folder: Path, name: str) -> None:
    """Have this process clone its test database from the database `name`, which the first process to get here makes.

    `folder` is shared by the processes of one run.
    """
    marker = folder / "template"
    with _locked(folder / "template.lock"):
        if not marker.exists():
            _make(name)
            marker.touch()
    settings.DATABASES["default"]["TEST"]["TEMPLATE"] = connection.settings_dict["TEST"]["TEMPLATE"] = name


def drop_template(name: str) -> None:
    """Drop what `use_template` made, if it did."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def empty_tables_quickly() -> None:
    """Have Django delete rows after each test that commits, instead of TRUNCATE, which takes twenty times as long."""
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def teardown(case: Any) -> None:
        if not _empty_tables():
            flush(case)
        # The log was emptied too. Noticed only during the next test, that would outdate what the test has just loaded.
        if feed.number:
            feed.catch_up()

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]


def _empty_tables() -> bool:
    """Whether that was possible: a role that is no superuser cannot switch triggers and foreign keys off."""
    connection.close_if_unusable_or_obsolete()  # a test may have had it closed
    names = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    tables = [connection.ops.quote_name(name) for name in names]
    filled = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')::bool")
        if not cursor.fetchone()[0]:
            return False
        # As TRUNCATE does, wait for transactions that a test has left open, and tell caches that all has changed.
        cursor.execute(f"BEGIN; LOCK TABLE {', '.join(tables)}; SET LOCAL session_replication_role = replica")
        cursor.execute(filled)
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SET LOCAL session_replication_role = origin; SELECT public.coherence_note('*'); COMMIT")
    return True


def _make(name: str) -> None:
    """Create and migrate the database `name`, and leave the connection as it was."""
    tested, own = connection.settings_dict["TEST"], connection.settings_dict["NAME"]
    before = tested["NAME"]
    tested["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend
    tested["NAME"] = before
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = own


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
