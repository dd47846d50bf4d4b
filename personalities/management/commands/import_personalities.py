"""Makes personalities what files say."""

from argparse import ArgumentParser
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from coherence.commands import add_json_option, print_json
from personalities import edits
from personalities.files import directory, drift
from personalities.files.directory import BadFiles
from personalities.files.drift import Documents, Drift
from personalities.management.arguments import add_owner_option, user_named
from personalities.models import Personality


class Command(BaseCommand):
    """Reads all files before it writes; writes all or none."""

    help = (
        "Make personalities what the JSON files in DIR say: all of them, or none if a file is wrong. Shows what "
        "differed. The archetype fills what a file leaves out. A personality without a file stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take DIR and the options."""
        parser.add_argument("dir", type=Path, metavar="DIR", help="as export_personalities writes it")
        parser.add_argument(
            "--dry-run", action="store_true",
            help="only show what differs: write nothing, and exit with 1 when an import would",
        )  # fmt: skip
        add_owner_option(parser)
        add_json_option(parser)

    def handle(
        self,
        *args: object,
        dir: Path,
        owner: str | None,
        dry_run: bool,
        json: bool,
        verbosity: int,
        **options: object,
    ) -> None:
        """Apply the files, or compare them. Raises CommandError for bad files, for drift that --dry-run finds, and if
        somebody else writes meanwhile.
        """
        whose = user_named(owner)
        documents = self._read(dir, whose, json)
        found = _compare(documents, whose) if dry_run else _import(documents, whose)
        if json:
            print_json(self.stdout, drift.as_json(found))
        elif verbosity:
            self.stdout.write(drift.as_text(found))
        if found and dry_run:
            raise CommandError("There is drift. Nothing was written.")

    def _read(self, dir: Path, whose: User | None, json: bool) -> Documents:
        rows = Personality.objects.filter(owner=whose)
        try:
            return directory.read(dir, {row.personality_name: row.to_config() for row in rows})
        except BadFiles as error:
            if json:
                print_json(self.stdout, {"errors": [problem._asdict() for problem in error.problems]})
            raise CommandError(f"{error}\nErrors: {len(error.problems)}. Nothing was written.") from None


def _compare(documents: Documents, whose: User | None) -> Drift:
    rows = Personality.objects.filter(owner=whose)
    return drift.compare(documents, {row.personality_name: row for row in rows})


def _import(documents: Documents, whose: User | None) -> Drift:
    try:
        with transaction.atomic():
            locked = Personality.objects.filter(owner=whose).select_for_update()
            rows = {row.personality_name: row for row in locked}
            found = drift.compare(documents, rows)
            drift.write(found, documents, rows, whose)
    except edits.NameInUse:
        raise CommandError("Meanwhile somebody made one of the same name. Nothing was written: try again.") from None
    except edits.Refused as refused:  # an error that the file still has was removed from the row meanwhile
        raise CommandError(f"Meanwhile somebody changed one. Nothing was written. {refused}") from None
    return found
