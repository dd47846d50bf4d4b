"""The rules of the linter: each takes a configuration and says what its author should look at again."""

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import NamedTuple

from django.conf import settings

from personalities.config import CUSTOM, MAX_LEVEL, PersonalityConfig
from personalities.lint.patterns import PATTERNS, Finding, Pattern
from personalities.prompt import assemble, estimate_tokens
from personalities.prompt.opening import PLACEHOLDER

# Tokens. A prompt is paid for with every message. The shipped personalities need about 800, and English that fills
# every field to its bound about 1350: only those in another script exceed 1500, at several times the cost.
BUDGET = 1500


def patterns(config: PersonalityConfig) -> Iterator[Finding]:
    """What looks like a secret, a placeholder, a contact or an attack in the author's texts."""
    custom = {f"custom.{field}": getattr(config.custom, field) or "" for field in CUSTOM}
    greeting = PLACEHOLDER.sub(lambda filled: " " * len(filled[0]), config.greeting or "")
    yield from patterns_in({"display_name": config.display_name, "greeting": greeting, **custom})


def patterns_in(texts: Mapping[str, str]) -> Iterator[Finding]:
    """What matches in any of `texts`, by field: at most one finding per pattern and text, at the first match."""
    for field, text in texts.items():
        for pattern in PATTERNS:
            if match := pattern.regex.search(text):
                yield _found(pattern, field, match.start())


def _found(pattern: Pattern, field: str, start: int) -> Finding:
    message = f"Character {start + 1}: {pattern.message}"
    return Finding(severity=pattern.severity, rule=pattern.rule, field=field, message=message)


def empty_voice(config: PersonalityConfig) -> Iterator[Finding]:
    """None of the author's own texts says anything."""
    if not any((getattr(config.custom, field) or "").strip() for field in CUSTOM):
        message = "Without speaking_style, backstory and custom_instructions it sounds like any other."
        yield Finding(severity="warning", rule="empty-voice", field="custom.speaking_style", message=message)


def over_budget(config: PersonalityConfig) -> Iterator[Finding]:
    """The prompt is longer than BUDGET."""
    tokens = assemble(config).tokens
    if tokens > BUDGET:
        longest = max(CUSTOM, key=lambda field: estimate_tokens(getattr(config.custom, field) or ""))
        message = f"The prompt has about {tokens} tokens, more than {BUDGET}. This is its longest text."
        yield Finding(severity="warning", rule="over-budget", field=f"custom.{longest}", message=message)


def models_on_offer() -> tuple[str, ...]:
    """The names of the language models that the operator offers, the service's own first.

    Empty where no language model is configured. Any name may then be written, because files and rows may come from, or
    go to, a service that has one.
    """
    return tuple(dict.fromkeys([settings.LLM_MODEL, *settings.LLM_MODELS])) if settings.LLM_MODEL else ()


def not_offered(config: PersonalityConfig) -> Iterator[Finding]:
    """The language model is not on offer here: chat would ask another one in its place."""
    model, models = config.generation.model, models_on_offer()
    if model and models and model not in models:
        message = f"This language model is not on offer. On offer: {', '.join(models)}."
        yield Finding(severity="error", rule="model-not-offered", field="generation.model", message=message)


# The two outermost levels at each end: their sentences in the prompt leave no room for the opposite; the others do.
LOW, HIGH = range(2), range(MAX_LEVEL - 1, MAX_LEVEL + 1)
ON, OFF = (True,), (False,)

Values = range | tuple[bool]


class Setting(NamedTuple):
    """A trait or behavior that has one of `values`; `field` is its path in the configuration."""

    field: str
    values: Values

    def value(self, config: PersonalityConfig) -> int | bool:
        """What it is in `config`."""
        value: int | bool = attrgetter(self.field)(config)
        return value

    def holds(self, config: PersonalityConfig) -> bool:
        """Whether it is one of `values`."""
        return self.value(config) in self.values

    def described(self, config: PersonalityConfig) -> str:
        """The setting as an author reads it: traits.humor_level = 9."""
        return f"{self.field} = {str(self.value(config)).lower()}"


def _trait(name: str, levels: Values) -> Setting:
    return Setting(f"traits.{name}_level", levels)


def _behavior(name: str, values: Values) -> Setting:
    return Setting(f"behaviors.{name}", values)


CONTRADICTIONS = (
    (_trait("formality", HIGH), _trait("playfulness", HIGH), "ceremonious letters are not playful"),
    (_trait("formality", HIGH), _trait("humor", HIGH), "a ceremonious letter does not joke in every line"),
    (_trait("empathy", HIGH), _trait("directness", HIGH), "either feelings come first, or the blunt truth does"),
    (_trait("empathy", LOW), _trait("supportiveness", HIGH), "keeping strictly to the facts is no encouragement"),
    (
        _trait("humor", LOW),
        _trait("playfulness", HIGH),
        "somebody who never jokes makes no game of everything",
    ),
    (_trait("enthusiasm", LOW), _trait("playfulness", HIGH), "play needs more than a flat voice"),
    (_trait("enthusiasm", LOW), _behavior("celebrates_wins", ON), "nothing is celebrated in a flat voice"),
    (_trait("enthusiasm", HIGH), _behavior("celebrates_wins", OFF), "thrilled by everything except success"),
    (_trait("curiosity", HIGH), _behavior("asks_questions", OFF), "somebody who wants to know everything has to ask"),
    (_trait("curiosity", LOW), _behavior("asks_questions", ON), "somebody who takes what they are told does not ask"),
    (_trait("directness", LOW), _behavior("challenges_user", ON), "a hint challenges nobody"),
    (_behavior("challenges_user", ON), _behavior("shares_opinions", OFF), "disagreeing means having an opinion"),
)


def contradictions(config: PersonalityConfig) -> Iterator[Finding]:
    """Two settings ask for opposite things."""
    for one, other, why in CONTRADICTIONS:
        if one.holds(config) and other.holds(config):
            message = f"{one.described(config)} contradicts {other.described(config)}: {why}."
            yield Finding(severity="warning", rule="contradiction", field=one.field, message=message)


RULES = (patterns, empty_voice, over_budget, contradictions, not_offered)
