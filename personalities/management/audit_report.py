"""How an audit shows what it found, and fails."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandError

from coherence.audit import Finding, Verdict
from personalities.management.report import print_json, print_table

BAD = {Verdict.WRONG, Verdict.FOREIGN}
Meaning = Mapping[Verdict, str]


def report(stdout: Any, findings: Sequence[Finding], meaning: Meaning, *, as_json: bool) -> None:
    """Raises CommandError when a copy is wrong or damaged."""
    _as_json(stdout, findings) if as_json else _as_text(stdout, findings, meaning)
    if bad := [finding.key for finding in findings if finding.verdict in BAD]:
        raise CommandError(f"{len(bad)} wrong or damaged: {', '.join(bad[:10])}{' …' if len(bad) > 10 else ''}")


def _as_text(stdout: Any, findings: Sequence[Finding], meaning: Meaning) -> None:
    rows = [(f.key, f.verdict, meaning[f.verdict]) for f in findings if f.verdict is not Verdict.SOUND]
    if rows:
        print_table(stdout, "Not sound", ("copy", "verdict", "meaning"), rows)
    counts = Counter(finding.verdict for finding in findings)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    stdout.write(f"{len(findings)} copies compared with their rows: {said}.")


def _as_json(stdout: Any, findings: Sequence[Finding]) -> None:
    counts = Counter(str(finding.verdict) for finding in findings)
    unsound = [finding._asdict() for finding in findings if finding.verdict is not Verdict.SOUND]
    print_json(stdout, {"compared": len(findings), **{str(v): counts[v] for v in Verdict}, "copies": unsound})
