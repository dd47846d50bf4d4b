"""Archetypes: ready-made characters, kept as data in `data/archetypes.toml`. They fill what an author leaves out."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from personalities.config import Behaviors, Frozen, Traits

FILE = Path(__file__).parent / "data" / "archetypes.toml"


class Archetype(Frozen, frozen=True):
    name: str
    display_name: str
    description: str
    relationship_type: str
    speaking_style: str
    example_greeting: str
    traits: Traits
    behaviors: Behaviors

    def columns(self) -> dict[str, Any]:
        """The values it gives to a personality, by model field."""
        texts = {"speaking_style": self.speaking_style, "greeting": self.example_greeting}
        levels = msgspec.structs.asdict(self.traits)
        return {
            "relationship_type": self.relationship_type,
            **texts,
            **levels,
            **msgspec.structs.asdict(self.behaviors),
        }


def _load() -> Mapping[str, Archetype]:
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return MappingProxyType(
        {name: msgspec.convert({"name": name, **table}, Archetype) for name, table in tables.items()}
    )


ARCHETYPES = _load()

# What a personality without an archetype gets.
PLAIN: Mapping[str, Any] = MappingProxyType(
    dict.fromkeys(Traits.__struct_fields__, 5)
    | {"empathy_level": 7, "supportiveness_level": 7}
    | dict.fromkeys(Behaviors.__struct_fields__, True)
    | {"challenges_user": False, "relationship_type": "assistant", "speaking_style": "", "greeting": ""}
)


def columns(archetype: str) -> Mapping[str, Any]:
    """What the archetype named `archetype` ("" for none) gives to a personality, by model field."""
    return ARCHETYPES[archetype].columns() if archetype else PLAIN


# What a personality is when its author says nothing at all.
EMPTY: Mapping[str, Any] = MappingProxyType(
    {"display_name": "", "archetype": "", "is_active": True, "backstory": "", "custom_instructions": ""}
    | {"model": "", "temperature": None}
)


def complete(given: Mapping[str, Any]) -> dict[str, Any]:
    """All columns of a personality of which its author gave some: the archetype fills what is left out, and no more."""
    empty = {**EMPTY, "locked_preferences": []}  # a list of its own for each
    return {**empty, **columns(given.get("archetype", "")), **given}


def refill(current: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that follow a change of archetype: those that still hold what the old one had filled in."""
    archetype = given.get("archetype", current["archetype"])
    if archetype == current["archetype"]:
        return {}
    old = columns(current["archetype"])
    return {column: value for column, value in columns(archetype).items() if current[column] == old[column]}
