"""Our sentences, kept as data in `data/prompt.toml`: one a level, one a behavior, and why a field has none."""

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


class Sentences(Frozen, frozen=True):
    relationship_type: dict[str, str]
    introductions: dict[str, str]
    traits: dict[str, Levels]
    behaviors: dict[str, Switch]
    omissions: dict[str, str]


SENTENCES = msgspec.convert(tomllib.loads(FILE.read_text(encoding="utf-8")), Sentences)
