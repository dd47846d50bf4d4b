"""Whether the database is as this release needs it: migrated, and with nothing lost since."""

import logging
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import UniqueConstraint
from pgtrigger import registered

from coherence.triggers import FUNCTIONS, SEQUENCES

logger = logging.getLogger(__name__)

NAMED = 3  # how many of the missing objects a log line names
# In the catalogs, which any role may read and no restore locks. A trigger that is disabled, or fires for replicas only,
# is as good as none.
MISSING = """
SELECT concat_ws(' ', kind, name, 'of ' || place)
FROM unnest(%s::text[], %s::text[], %s::text[]) AS needed(kind, name, place)
WHERE NOT CASE kind
    WHEN 'trigger' THEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(place))
                                AND tgname = name AND tgenabled IN ('O', 'A'))
    WHEN 'primary key' THEN EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass(quote_ident(place))
                                    AND indisprimary AND indisvalid)
    WHEN 'unique index' THEN EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(quote_ident(name))
                                     AND indisunique AND indisvalid)
    WHEN 'function' THEN to_regprocedure(name) IS NOT NULL
    ELSE to_regclass(name) IS NOT NULL
END
"""
INCOMPLETE = (
    "The database is incomplete, and /readyz is 503: missing or disabled: %s (%d in all). "
    "Restore it anew, or bring them back as docs/operations.md says under Troubleshooting."
)


class Needed(NamedTuple):
    """An object of the schema: its `kind`, its `name`, and the table that it is part of."""

    kind: str
    name: str | None
    place: str | None = None


class SchemaCheck:
    """What /readyz says of the schema. Migrations are checked until all are applied, and then remembered.

    Everything else is checked each time, which takes a millisecond: a restore that is unfinished, and DISABLE TRIGGER,
    remove it but leave the entries in `django_migrations`.
    """

    was_migrated = False
    is_reported = False

    def state(self) -> str:
        """ "ok", "not migrated" or "incomplete", which is logged once. Raises django.db.Error."""
        missing = missing_objects()
        if not self.is_migrated():
            return "not migrated"
        if missing and not self.is_reported:
            logger.error(INCOMPLETE, ", ".join(missing[:NAMED]), len(missing))
        self.is_reported = bool(missing)
        return "incomplete" if missing else "ok"

    def is_migrated(self) -> bool:
        """Whether the database has all migrations of this release. Raises django.db.Error."""
        if not self.was_migrated:
            executor = MigrationExecutor(connection)
            self.was_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        return self.was_migrated


schema = SchemaCheck()


def missing_objects() -> list[str]:
    """What the installed apps need of the database and it lacks, or has disabled, in words. Raises django.db.Error."""
    with connection.cursor() as cursor:
        cursor.execute(MISSING, [*map(list, zip(*_needed(), strict=True))])
        return [text for (text,) in cursor.fetchall()]


@cache
def _needed() -> tuple[Needed, ...]:
    return (*_of_the_change_log(), *_keys(), *_triggers())


def _triggers() -> Iterator[Needed]:
    """The triggers that models declare, and those that an app's migrations make in SQL."""
    for app in apps.get_app_configs():
        for name, table in getattr(app, "triggers_in_sql", {}).items():
            yield Needed("trigger", name, table)
    for model, trigger in registered():
        yield Needed("trigger", trigger.get_pgid(model), model._meta.db_table)


def _keys() -> Iterator[Needed]:
    """The primary keys and unique indexes. Not foreign keys: without one, only rows written meanwhile can be wrong."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            yield Needed("primary key", None, model._meta.db_table)
            for constraint in model._meta.constraints:
                if isinstance(constraint, UniqueConstraint):
                    yield Needed("unique index", constraint.name, model._meta.db_table)


def _of_the_change_log() -> Iterator[Needed]:
    """The functions and sequences of the change log; its tables are among those with primary keys."""
    yield from (Needed("function", name) for name in FUNCTIONS)
    yield from (Needed("sequence", name) for name in SEQUENCES)
