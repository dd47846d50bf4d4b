"""What the author of a personality should look at again, and what is refused."""

from collections.abc import Iterable, Mapping

from personalities.comparison import changes
from personalities.config import PersonalityConfig
from personalities.lint.patterns import Finding
from personalities.lint.rules import RULES, models_on_offer, patterns_in

__all__ = ["Finding", "lint", "models_on_offer", "new_refusals", "refusals", "refusals_in"]


def lint(config: PersonalityConfig) -> list[Finding]:
    """All findings, errors first. An error must not go to a language model; a warning is for the author to judge.

    It finds mistakes. It is not a safeguard: it does not find what somebody wants to hide from it.
    """
    return sorted((finding for rule in RULES for finding in rule(config)), key=lambda finding: finding.severity)


def refusals(config: PersonalityConfig) -> dict[str, list[str]]:
    """Messages of the errors in `config`, by field."""
    return _errors(lint(config))


def refusals_in(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Messages of the errors in `texts` that belong to no personality, by field."""
    return _errors(patterns_in(texts))


def new_refusals(before: PersonalityConfig | None, after: PersonalityConfig) -> dict[str, list[str]]:
    """Why an edit from `before`, None for a new personality, to `after` must not be saved: messages by field.

    The API, the admin and imports ask this. Errors in fields that the edit leaves alone do not count: somebody who did
    not write them must still be able to write the rest.
    """
    found = refusals(after)
    if not found or before is None:
        return found
    changed = {change.field for change in changes(before, after)}
    return {field: messages for field, messages in found.items() if field in changed}


def _errors(findings: Iterable[Finding]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in findings:
        if finding.severity == "error":
            found.setdefault(finding.field, []).append(finding.message)
    return found
