"""Archetypes, ready-made characters that fill in what an author leaves out; and the personalities to start with.

Both are data, in `data/archetypes.toml` and `data/globals.toml`. `FieldValues` are of model fields, by name.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from personalities.config import CUSTOM, Behaviors, Frozen, Traits

DATA = Path(__file__).parent / "data"
FieldValues = dict[str, Any]


class Archetype(Frozen, frozen=True):
    """One character, as the API shows it."""

    name: str
    display_name: str
    description: str
    relationship_type: str
    speaking_style: str
    example_greeting: str
    traits: Traits
    behaviors: Behaviors

    def field_values(self) -> FieldValues:
        """The fields that it fills, and with what."""
        return {
            "relationship_type": self.relationship_type,
            "speaking_style": self.speaking_style,
            "greeting": self.example_greeting,
            **msgspec.structs.asdict(self.traits),
            **msgspec.structs.asdict(self.behaviors),
        }


def _tables(file: str) -> dict[str, FieldValues]:
    return tomllib.loads((DATA / file).read_text(encoding="utf-8"))


ARCHETYPES: Mapping[str, Archetype] = MappingProxyType(
    {
        name: msgspec.convert({"name": name, **table}, Archetype)
        for name, table in _tables("archetypes.toml").items()
    }
)  # fmt: skip

# What is filled in for a personality without an archetype: the defaults of the model too.
NO_ARCHETYPE: Mapping[str, Any] = MappingProxyType(
    dict.fromkeys(Traits.__struct_fields__, 5)
    | {"empathy_level": 7, "supportiveness_level": 7}
    | dict.fromkeys(Behaviors.__struct_fields__, True)
    | {"challenges_user": False, "relationship_type": "assistant", "speaking_style": "", "greeting": ""}
)

# Defaults of the fields that no archetype fills in, as in the model.
EMPTY: Mapping[str, object] = MappingProxyType(
    {"display_name": "", "archetype": "", "is_active": True, "model": "", "temperature": None}
    | dict.fromkeys(CUSTOM, "")
)


def values_of(archetype: str) -> Mapping[str, object]:
    """What the archetype named `archetype`, "" for none, fills in. Raises KeyError for an unknown one."""
    return ARCHETYPES[archetype].field_values() if archetype else NO_ARCHETYPE


def complete(given: FieldValues) -> FieldValues:
    """Values of all fields: those that the author has `given`, and what the archetype fills in for the rest."""
    empty = {**EMPTY, "locked_preferences": []}  # a new list for each
    return {**empty, **values_of(given.get("archetype", "")), **given}


def refill(current: FieldValues, given: FieldValues) -> FieldValues:
    """Values to overwrite if `given` changes the archetype: fields that still hold the old archetype's value get the
    new one's.
    """
    archetype = given["archetype"] if "archetype" in given else current["archetype"]
    if archetype == current["archetype"]:
        return {}
    old = values_of(current["archetype"])
    return {name: value for name, value in values_of(archetype).items() if current[name] == old[name]}


def global_personalities() -> Iterator[FieldValues]:
    """The values of all fields of each personality that an installation starts with."""
    for name, given in _tables("globals.toml").items():
        yield complete({"personality_name": name, **given})
