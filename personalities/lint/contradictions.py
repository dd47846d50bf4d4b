"""Settings that ask for opposite things."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from personalities.config import PersonalityConfig
from personalities.lint.finding import Finding

# The two outermost levels, whose sentences in the prompt leave no room for the other; from 2 to 8 they do.
LOW, HIGH = range(2), range(9, 11)
ON, OFF = (True,), (False,)

Values = range | tuple[bool]


class Setting(NamedTuple):
    field: str
    values: Values

    def value(self, config: PersonalityConfig) -> Any:
        return attrgetter(self.field)(config)

    def holds(self, config: PersonalityConfig) -> bool:
        return self.value(config) in self.values

    def said(self, config: PersonalityConfig) -> str:
        return f"{self.field} = {str(self.value(config)).lower()}"


def _trait(name: str, levels: Values) -> Setting:
    return Setting(f"traits.{name}_level", levels)


def _behavior(name: str, values: Values) -> Setting:
    return Setting(f"behaviors.{name}", values)


CONTRADICTIONS = (
    (_trait("formality", HIGH), _trait("playfulness", HIGH), "a ceremonious letter is no game"),
    (_trait("formality", HIGH), _trait("humor", HIGH), "a ceremonious letter does not joke in every line"),
    (_trait("empathy", HIGH), _trait("directness", HIGH), "the feeling first, or the blunt truth first"),
    (_trait("empathy", LOW), _trait("supportiveness", HIGH), "who keeps to the facts encourages nobody at every step"),
    (_trait("humor", LOW), _trait("playfulness", HIGH), "who makes no jokes makes no game of everything"),
    (_trait("enthusiasm", LOW), _trait("playfulness", HIGH), "play needs more than a level voice"),
    (_trait("enthusiasm", LOW), _behavior("celebrates_wins", ON), "nothing is celebrated in a level voice"),
    (_trait("enthusiasm", HIGH), _behavior("celebrates_wins", OFF), "thrilled by everything but a success"),
    (_trait("curiosity", HIGH), _behavior("asks_questions", OFF), "who wants to know everything has to ask"),
    (_trait("curiosity", LOW), _behavior("asks_questions", ON), "who takes things as they are told does not ask back"),
    (_trait("directness", LOW), _behavior("challenges_user", ON), "a hint does not say that it disagrees"),
    (_behavior("challenges_user", ON), _behavior("shares_opinions", OFF), "to disagree is to have an opinion"),
)


def contradictions(config: PersonalityConfig) -> Iterator[Finding]:
    for one, other, why in CONTRADICTIONS:
        if one.holds(config) and other.holds(config):
            message = f"{one.said(config)} contradicts {other.said(config)}: {why}."
            yield Finding(severity="warning", rule="contradiction", field=one.field, message=message)
