"""What a user may wish for: how they want to be talked to, by whichever personality."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, get_args

import msgspec

from personalities.config import Frozen

Formality = Literal["casual", "formal", "professional"]
Tone = Literal["enthusiastic", "calm", "friendly", "neutral"]
EmojiUse = Literal["none", "few", "many"]
ResponseLength = Literal["brief", "balanced", "detailed"]
ExplanationStyle = Literal["simple", "technical", "analogies"]


def _tag(language: str, script: str, region: str) -> str:
    """A language, perhaps a script, perhaps a region: all of BCP 47 that says how to write an answer."""
    return f"{language}(-{script})?(-({region}|[0-9]{{3}}))?"


TAG = _tag("[a-z]{2,3}", "[A-Z][a-z]{3}", "[A-Z]{2}")  # in its one spelling
TAG_IN_ANY_CASE = _tag("[A-Za-z]{2,3}", "[A-Za-z]{4}", "[A-Za-z]{2}")
MAX_TAG = 12  # characters: ast-Latn-419
MAX_NAME = 50
# Between the brackets of a regular expression: what a name of one line lacks. Below a line break it would go on as more
# of the prompt.
LINE_BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
Language = Annotated[str, msgspec.Meta(pattern=rf"^{TAG}\Z")]
CallMe = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "formality": get_args(Formality),
        "tone": get_args(Tone),
        "emoji_use": get_args(EmojiUse),
        "response_length": get_args(ResponseLength),
        "explanation_style": get_args(ExplanationStyle),
    }
)


class Wishes(Frozen, frozen=True):
    # One user's wishes: where a field is None, the personality keeps its own way. The docstring is part of the
    # fingerprint of copies in Redis: reword it only together with a field.
    """Of one user. None: no wish, and so as the personality is."""

    language: Language | None = None
    formality: Formality | None = None
    tone: Tone | None = None
    emoji_use: EmojiUse | None = None
    response_length: ResponseLength | None = None
    explanation_style: ExplanationStyle | None = None
    call_me: CallMe | None = None


def language_tag(text: str) -> str:
    """The one spelling of a tag, that of RFC 5646: `PT-br` becomes `pt-BR`. Raises ValueError if it is no tag."""
    if not re.fullmatch(TAG_IN_ANY_CASE, text):
        raise ValueError("A language tag, as in de, pt-BR or zh-Hant-TW.")
    language, *rest = text.split("-")
    return "-".join([language.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)])
