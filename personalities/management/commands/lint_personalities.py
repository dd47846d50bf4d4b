"""Looks for secrets, contradictions and slips in stored personalities."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence

from django.core.management.base import BaseCommand, CommandError

from coherence.commands import add_json_option, print_json, print_table
from personalities.lint import Finding, lint
from personalities.management.arguments import canonical_names
from personalities.models import Personality

Found = tuple[Personality, Finding]


class Command(BaseCommand):
    """Runs the linter over stored personalities."""

    help = (
        "Look for secrets, contradictions and slips in all personalities or those named, active or not. Fails on an "
        "error; a warning is for the author to judge."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take NAME … and --json."""
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: object, name: Sequence[str], json: bool, **options: object) -> None:
        """Print the findings. Raises CommandError when there is an error, or no personality of a given name."""
        rows = _rows(canonical_names(name))
        found = [(row, finding) for row in rows for finding in lint(row.to_config())]
        errors = sorted({_label(row) for row, finding in found if finding.severity == "error"})
        report = self._report_json if json else self._report
        report(len(rows), found)
        if errors:
            raise CommandError(f"{len(errors)} with errors: {', '.join(errors[:10])}{' …' if len(errors) > 10 else ''}")

    def _report(self, checked: int, found: Sequence[Found]) -> None:
        if found:
            rows = [(_label(row), f.severity, f.rule, f.field, f.message) for row, f in found]
            print_table(self.stdout, "Findings", ("personality", "severity", "rule", "field", "message"), rows)
        errors, warnings = _count(found, "error"), _count(found, "warning")
        self.stdout.write(f"{checked} personalities checked: {errors} errors, {warnings} warnings.")

    def _report_json(self, checked: int, found: Sequence[Found]) -> None:
        counts = {"errors": _count(found, "error"), "warnings": _count(found, "warning")}
        print_json(self.stdout, {"checked": checked, **counts, "findings": list(_to_json(found))})


def _rows(wanted: Sequence[str]) -> list[Personality]:
    rows = Personality.objects.filter(personality_name__in=wanted) if wanted else Personality.objects.all()
    found = list(rows)
    if unknown := {*wanted} - {row.personality_name for row in found}:
        raise CommandError(f"name: no personality is named {', '.join(sorted(unknown))}")
    return found


def _label(row: Personality) -> str:
    return row.personality_name if row.owner_id is None else f"{row.personality_name} of user {row.owner_id}"


def _count(found: Sequence[Found], severity: str) -> int:
    return sum(finding.severity == severity for _, finding in found)


def _to_json(found: Sequence[Found]) -> Iterator[dict[str, object]]:
    for row, finding in found:
        plain = {field: getattr(finding, field) for field in Finding.__struct_fields__}
        yield {"personality_name": row.personality_name, "owner": row.owner_id, **plain}
