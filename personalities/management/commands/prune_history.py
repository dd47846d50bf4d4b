"""Removes old versions."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError

from personalities.pruning import Choice, prune
from rest.numbers import is_whole_number

AN_HOUR = 1 / 24  # days: a process that is out of touch may still begin conversations with a superseded version
MAX_DAYS = 100_000
MAX_DIGITS = 9  # of a number of versions


class Command(BaseCommand):
    """Prints which versions of each personality are removed, and how many in all."""

    help = (
        "Remove versions from the history of personalities, for good: those to which all options apply. The current "
        "version of a personality always stays, and so do those to which conversations are pinned, even where "
        "COMPANION_APPS leaves conversations out. The table personalities_pruning says what was removed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the conditions, and --dry-run."""
        parser.add_argument(
            "--older-than",
            type=_days,
            metavar="DAYS",
            help="superseded at least so many days ago (default: an hour, 1/24)",
        )
        parser.add_argument("--keep", type=_count, metavar="N", help="all but the newest N of each personality")
        parser.add_argument("--deleted", action="store_true", help="only of personalities that are deleted")
        parser.add_argument(
            "--erased", action="store_true", help="only what was written under owners who are no longer users"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(
        self,
        *args: object,
        older_than: float | None,
        keep: int | None,
        deleted: bool,
        erased: bool,
        dry_run: bool,
        **options: object,
    ) -> None:
        """Prune what all conditions name, and print it. Raises CommandError if no condition is given."""
        conditions = {"older_than": older_than, "keep": keep, "deleted": deleted, "erased": erased}
        # Compared by identity: zero is a condition too, and equals False.
        chosen = {name: value for name, value in conditions.items() if value is not None and value is not False}
        if not chosen:
            raise CommandError("Say what is to go: --older-than, --keep, --deleted or --erased.")
        choice = Choice(timedelta(days=AN_HOUR if older_than is None else older_than), keep or 0, deleted, erased)
        reason = " ".join(f"{name}={value}" for name, value in chosen.items())
        self._report(choice, f"prune_history {reason}", dry_run)

    def _report(self, choice: Choice, reason: str, dry_run: bool) -> None:
        removed, personalities = 0, set()
        for receipt in prune(choice, reason, dry_run=dry_run):
            self.stdout.write(f"{receipt.personality}: {receipt.versions} from {receipt.first} to {receipt.last}")
            removed += receipt.versions
            personalities.add(receipt.personality)
        would = "would be " if dry_run else ""
        self.stdout.write(f"{removed} versions of {len(personalities)} personalities {would}removed.")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days <= MAX_DAYS:
        raise ArgumentTypeError(f"a number of days from 0 to {MAX_DAYS}")
    return days


def _count(text: str) -> int:
    if not is_whole_number(text, MAX_DIGITS):
        raise ArgumentTypeError("a whole number")
    return int(text)
