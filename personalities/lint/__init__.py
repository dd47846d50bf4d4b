"""What an author of a personality should look at again."""

from personalities.config import PersonalityConfig
from personalities.lint.contradictions import contradictions
from personalities.lint.finding import Finding
from personalities.lint.texts import empty_voice, over_budget, patterns

__all__ = ["Finding", "lint", "refusals"]

RULES = (patterns, empty_voice, over_budget, contradictions)


def lint(config: PersonalityConfig) -> list[Finding]:
    """All findings, errors first. An error must not go to a language model; a warning is for its author to judge.

    It finds what is written by mistake. It is no guard: who wants to hide a secret or an instruction from it can.
    """
    return sorted((finding for rule in RULES for finding in rule(config)), key=lambda finding: finding.severity)


def refusals(config: PersonalityConfig) -> dict[str, list[str]]:
    """The errors alone, by field: with one, nothing is saved."""
    found: dict[str, list[str]] = {}
    for finding in lint(config):
        if finding.severity == "error":
            found.setdefault(finding.field, []).append(finding.message)
    return found
