"""Writes personalities to files."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from personalities.files import directory
from personalities.management.arguments import add_owner_option, user_named
from personalities.models import Personality


class Command(BaseCommand):
    """Writes one file per personality, and lists the files that belong to none."""

    help = (
        "Write personalities to DIR, one JSON file each, for version control and `import_personalities`. No file is "
        "removed; files without a personality are listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take DIR and --owner."""
        parser.add_argument("dir", type=Path, metavar="DIR", help="made when missing")
        add_owner_option(parser)

    def handle(self, *args: object, dir: Path, owner: str | None, verbosity: int, **options: object) -> None:
        """Write the files. Raises CommandError when one cannot be written."""
        rows = Personality.objects.filter(owner=user_named(owner)).order_by("personality_name")
        try:
            names = directory.write(dir, rows)
        except OSError as error:
            raise CommandError(f"DIR: {error}") from None
        if verbosity:
            self.stdout.write(f"{len(names)} personalities written to {dir}.")
        if unknown := directory.unknown_files(dir, names):
            listed = ", ".join(directory.printable(name) for name in unknown)
            self.stdout.write(f"Left alone; there is no such personality: {listed}")
