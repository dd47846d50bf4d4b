"""The configuration of a personality as programs see it: frozen, typed, and checked when it comes from outside."""

import hashlib
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec

Level = Annotated[int, msgspec.Meta(ge=0, le=10)]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Line = Annotated[str, msgspec.Meta(max_length=500)]
Backstory = Annotated[str, msgspec.Meta(max_length=1000)]
Instructions = Annotated[str, msgspec.Meta(max_length=2000)]

# What servers of OpenAI's protocol call a language model: gpt-4.1-mini, qwen3:8b, @cf/meta/llama-3.1-8b.
MODEL = r"^[A-Za-z0-9._:/@+-]+\Z"
LONGEST_MODEL = 100
HOTTEST = 2.0
Model = Annotated[str, msgspec.Meta(max_length=LONGEST_MODEL, pattern=MODEL)]
Temperature = Annotated[float, msgspec.Meta(ge=0, le=HOTTEST)]


# What a user may wish for, and an author may lock.
Preference = Literal["language", "formality", "tone", "emoji_use", "response_length", "explanation_style", "call_me"]
PREFERENCES: tuple[Preference, ...] = get_args(Preference)
Locks = Annotated[tuple[Preference, ...], msgspec.Meta(max_length=len(PREFERENCES))]


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
    backstory: Backstory | None
    custom_instructions: Instructions | None
    speaking_style: Line | None


class Generation(Frozen, frozen=True):
    """How the language model is asked. None: as the service asks it."""

    model: Model | None
    temperature: Temperature | None


class Meta(Frozen, frozen=True):
    version: Count
    owner: int | None
    created_at: datetime
    updated_at: datetime


class PersonalityConfig(Frozen, frozen=True, dict=True):
    """Everything that shapes a prompt. `meta.owner` is None for a global personality; absent texts are None."""

    id: UUID
    personality_name: Name
    display_name: Name
    archetype: Name | None
    relationship_type: Name
    greeting: Line | None
    is_active: bool
    traits: Traits
    behaviors: Behaviors
    custom: Custom
    generation: Generation
    locked_preferences: Locks
    meta: Meta

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the id as text, times in ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain | {"locked_preferences": list(self.locked_preferences)}  # a tuple would stay one

    @cached_property
    def json(self) -> bytes:
        """The same as text. Made once, for what is kept in memory is served many times."""
        return msgspec.json.encode(self)

    @cached_property
    def digest(self) -> str:
        """Of `json`: 32 hexadecimal digits that differ wherever the configuration does."""
        return hashlib.sha256(self.json).hexdigest()[:32]

    @cached_property
    def made_of_it(self) -> dict[Any, Any]:
        """For whoever serves it in another form: what is kept here lives as long as this does."""
        return {}

    @classmethod
    def from_dict(cls, plain: Any) -> "PersonalityConfig":
        """The inverse of `to_dict`. Raises ValueError for anything else, however nearly right."""
        return msgspec.convert(plain, cls)


TRAITS = Traits.__struct_fields__
BEHAVIORS = Behaviors.__struct_fields__
CUSTOM = Custom.__struct_fields__
GENERATION = Generation.__struct_fields__
