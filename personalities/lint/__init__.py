"""What an author of a personality should look at again."""

from collections.abc import Iterable, Mapping

from personalities.comparison import changes
from personalities.config import PersonalityConfig
from personalities.lint.contradictions import contradictions
from personalities.lint.finding import Finding
from personalities.lint.models import not_offered
from personalities.lint.texts import empty_voice, over_budget, patterns, patterns_in

__all__ = ["Finding", "lint", "refusals", "refusals_in", "new_refusals"]

RULES = (patterns, empty_voice, over_budget, contradictions, not_offered)


def lint(config: PersonalityConfig) -> list[Finding]:
    """All findings, errors first. An error must not go to a language model; a warning is for its author to judge.

    It finds what is written by mistake. It is no guard: who wants to hide a secret or an instruction from it can.
    """
    return sorted((finding for rule in RULES for finding in rule(config)), key=lambda finding: finding.severity)


def refusals(config: PersonalityConfig) -> dict[str, list[str]]:
    """The errors alone, by field: with one, nothing is saved."""
    return _errors(lint(config))


def refusals_in(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """The same of texts that are no personality's, by field."""
    return _errors(patterns_in(texts))


def _errors(findings: Iterable[Finding]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in findings:
        if finding.severity == "error":
            found.setdefault(finding.field, []).append(finding.message)
    return found


def new_refusals(before: PersonalityConfig | None, after: PersonalityConfig) -> dict[str, list[str]]:
    """Those of fields that an edit has changed: who did not write it must still be able to write the rest."""
    found = refusals(after)
    changed = found.keys() if before is None else {change.field for change in changes(before, after)}
    return {field: said for field, said in found.items() if field in changed}
