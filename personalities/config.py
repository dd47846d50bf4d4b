"""The configuration of a personality as programs see it: frozen, typed, and checked when it comes from outside."""

import hashlib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

Level = Annotated[int, msgspec.Meta(ge=0, le=10)]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, so that one object can be handed to every caller without copying."""


class Traits(Frozen, frozen=True):
    humor_level: Level
    formality_level: Level
    enthusiasm_level: Level
    empathy_level: Level
    directness_level: Level
    curiosity_level: Level
    supportiveness_level: Level
    playfulness_level: Level


class Behaviors(Frozen, frozen=True):
    asks_questions: bool
    uses_examples: bool
    shares_opinions: bool
    challenges_user: bool
    celebrates_wins: bool


class Custom(Frozen, frozen=True):
    backstory: str | None
    custom_instructions: str | None
    speaking_style: str | None


class Meta(Frozen, frozen=True):
    version: int
    owner: int | None
    created_at: datetime
    updated_at: datetime


class PersonalityConfig(Frozen, frozen=True):
    """Everything that shapes a prompt. `meta.owner` is None for a global personality; absent texts are None."""

    id: UUID
    personality_name: str
    display_name: str
    archetype: str | None
    relationship_type: str
    greeting: str | None
    is_active: bool
    traits: Traits
    behaviors: Behaviors
    custom: Custom
    meta: Meta

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the id as text, times in ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_dict(cls, plain: Any) -> "PersonalityConfig":
        """The inverse of `to_dict`. Raises ValueError for anything else, however nearly right."""
        return msgspec.convert(plain, cls)


TRAITS = Traits.__struct_fields__
BEHAVIORS = Behaviors.__struct_fields__
CUSTOM = Custom.__struct_fields__

# Changes with any field, type or bound above: what another release of this program wrote is not read as this one's.
SHAPE = hashlib.sha256(msgspec.json.encode(msgspec.json.schema(PersonalityConfig))).hexdigest()[:12]
