"""The sentences of a prompt that are not the author's, kept as data in `data/prompt.toml`."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from personalities.config import MAX_LEVEL, Frozen

FILE = Path(__file__).parents[1] / "data" / "prompt.toml"

Levels = Annotated[tuple[str, ...], msgspec.Meta(min_length=MAX_LEVEL + 1, max_length=MAX_LEVEL + 1)]


class Switch(Frozen, frozen=True):
    """What is said of a behavior that is on, and of one that is off; None: nothing."""

    on: str
    off: str | None = None


class Wish(Frozen, frozen=True):
    """The sentence for a preference. `against`: lowest and highest levels, by trait, that ask for the opposite."""

    say: str
    against: dict[str, tuple[int, int]] = {}


class UserSentences(Frozen, frozen=True):
    """What is said around a user's wishes and before a greeting, and why a wish is omitted."""

    introduction: str
    overrules: str
    language: str
    call_me: str
    greeting: str
    none: str
    locked: str
    unknown: str


class Sentences(Frozen, frozen=True):
    """The whole file. `introductions` are by custom text, `omissions` by the field that they explain."""

    relationship_type: dict[str, str]
    introductions: dict[str, str]
    traits: dict[str, Levels]
    behaviors: dict[str, Switch]
    omissions: dict[str, str]
    user: UserSentences
    wishes: dict[str, dict[str, Wish]]
    languages: dict[str, str]


SENTENCES = msgspec.convert(tomllib.loads(FILE.read_text(encoding="utf-8")), Sentences)
