"""Our sentences, kept as data in `data/prompt.toml`: one a level, behavior or wish, and why a field has none."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from personalities.config import Frozen

FILE = Path(__file__).parents[1] / "data" / "prompt.toml"

Levels = Annotated[tuple[str, ...], msgspec.Meta(min_length=11, max_length=11)]


class Switch(Frozen, frozen=True):
    on: str
    off: str | None = None


class Wish(Frozen, frozen=True):
    """`against` are the levels, lowest and highest, of traits that ask for something else."""

    say: str
    against: dict[str, tuple[int, int]] = {}


class User(Frozen, frozen=True):
    introduction: str
    overrules: str
    language: str
    call_me: str
    none: str
    locked: str
    unknown: str


class Sentences(Frozen, frozen=True):
    relationship_type: dict[str, str]
    introductions: dict[str, str]
    traits: dict[str, Levels]
    behaviors: dict[str, Switch]
    omissions: dict[str, str]
    user: User
    wishes: dict[str, dict[str, Wish]]
    languages: dict[str, str]


SENTENCES = msgspec.convert(tomllib.loads(FILE.read_text(encoding="utf-8")), Sentences)
