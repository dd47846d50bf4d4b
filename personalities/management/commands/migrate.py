"""Django's migrate, by one process at a time: pods and machines that start together all run it first.

It migrates all apps. It is here because Django finds commands in installed apps only, and `companion/` is not one.
"""

from functools import partial

from django.core.management.commands import migrate

from resilience.advisory_lock import exclusively

MIGRATING = 0x636F6D71  # PostgreSQL's advisory locks are numbers; any that nobody else uses


class Command(migrate.Command):
    """Waits for whoever is migrating the same database; then there may be nothing left to do."""

    def handle(self, *args: object, database: str, **options: object) -> None:
        """Migrate as Django does. --plan and --check, which change nothing, do not wait."""
        migrate_now = partial(super().handle, *args, database=database, **options)
        if options["plan"] or options["check_unapplied"]:
            migrate_now()
            return
        with exclusively(MIGRATING, database):
            migrate_now()
