"""What is wrong with the texts of an author, one by one and as a whole."""

from collections.abc import Iterator, Mapping

from personalities.config import CUSTOM, PersonalityConfig
from personalities.lint.finding import Finding
from personalities.lint.patterns import PATTERNS, Pattern
from personalities.prompt import assemble, estimate_tokens

# A prompt is paid for with every message. The shipped personalities need about 800 tokens, and English that fills every
# field to its bound about 1350: more than 1500 are only those in another script, at several times the cost.
BUDGET = 1500


def patterns(config: PersonalityConfig) -> Iterator[Finding]:
    """At most one finding a rule and text, at its first place."""
    yield from patterns_in(_texts(config))


def patterns_in(texts: Mapping[str, str]) -> Iterator[Finding]:
    """The same of texts that are no personality's, by field."""
    for field, text in texts.items():
        for pattern in PATTERNS:
            if match := pattern.regex.search(text):
                yield _found(pattern, field, match.start())


def empty_voice(config: PersonalityConfig) -> Iterator[Finding]:
    if not any((getattr(config.custom, field) or "").strip() for field in CUSTOM):
        message = "Neither speaking_style nor backstory nor custom_instructions: it sounds like any other."
        yield Finding(severity="warning", rule="empty-voice", field="custom.speaking_style", message=message)


def over_budget(config: PersonalityConfig) -> Iterator[Finding]:
    tokens = assemble(config).tokens
    if tokens > BUDGET:
        longest = max(CUSTOM, key=lambda field: estimate_tokens(getattr(config.custom, field) or ""))
        message = f"The prompt has about {tokens} tokens, more than {BUDGET}. This is its longest text."
        yield Finding(severity="warning", rule="over-budget", field=f"custom.{longest}", message=message)


def _texts(config: PersonalityConfig) -> dict[str, str]:
    """What an author may write freely, by field."""
    custom = {f"custom.{field}": getattr(config.custom, field) or "" for field in CUSTOM}
    return {"display_name": config.display_name, "greeting": config.greeting or "", **custom}


def _found(pattern: Pattern, field: str, start: int) -> Finding:
    message = f"Character {start + 1}: {pattern.message}"
    return Finding(severity=pattern.severity, rule=pattern.rule, field=field, message=message)
