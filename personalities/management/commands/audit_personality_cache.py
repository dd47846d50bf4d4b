from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from personalities import audit
from personalities.audit import MEANING, Finding, Verdict
from personalities.management.report import add_json_option, loud_about_redis, names, print_json, print_table

BAD = {Verdict.WRONG, Verdict.FOREIGN}


class Command(BaseCommand):
    help = (
        "Compare the copies in Redis with their rows, of all personalities or of those named. Fails when one is wrong "
        "or damaged; an outdated one is harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="personality names, in any spelling")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted: list[str | None] = [*names(options["name"])]
        with loud_about_redis():
            findings = [finding for name in wanted or [None] for finding in audit.run(name)]
        self._report_json(findings) if options["json"] else self._report(findings)
        if bad := [finding.key for finding in findings if finding.verdict in BAD]:
            raise CommandError(f"{len(bad)} wrong or damaged: {', '.join(bad[:10])}{' …' if len(bad) > 10 else ''}")

    def _report(self, findings: Sequence[Finding]) -> None:
        rows = [(f.key, f.verdict, MEANING[f.verdict]) for f in findings if f.verdict is not Verdict.SOUND]
        if rows:
            print_table(self.stdout, "Not sound", ("copy", "verdict", "meaning"), rows)
        counts = Counter(finding.verdict for finding in findings)
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
        self.stdout.write(f"{len(findings)} copies compared with their rows: {said}.")

    def _report_json(self, findings: Sequence[Finding]) -> None:
        counts = Counter(str(finding.verdict) for finding in findings)
        unsound = [finding._asdict() for finding in findings if finding.verdict is not Verdict.SOUND]
        print_json(self.stdout, {"compared": len(findings), **{str(v): counts[v] for v in Verdict}, "copies": unsound})
