"""The configuration of a personality as programs see it: frozen, typed, and checked when it comes from outside.

Each bound of it is stated here or, for names, in `personalities.names`. The model, the API, the forms and the prompt
read it from there.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, Protocol, TypeVar, get_args
from uuid import UUID

import msgspec

from personalities.names import MAX_LENGTH, default_display_name

Made = TypeVar("Made")

MAX_LEVEL = 10
MAX_TEMPERATURE = 2.0
MAX_VERSION = 2**31 - 1  # PostgreSQL's type integer
# Characters of a column for one of several choices: an archetype, a relationship, a locked preference. Copies may have
# longer ones, like names: a tighter type would make this release ignore the copies that the one before has left.
MAX_CHOICE = 50
MAX_NOTE_LENGTH = 500  # of the reason for a change, which is not part of the configuration

Level = Annotated[int, msgspec.Meta(ge=0, le=MAX_LEVEL)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LENGTH)]

# What servers of OpenAI's protocol call a language model: gpt-4.1-mini, qwen3:8b, @cf/meta/llama-3.1-8b.
MODEL_PATTERN = r"^[A-Za-z0-9._:/@+-]+\Z"
ModelName = Annotated[str, msgspec.Meta(max_length=100, pattern=MODEL_PATTERN)]
Temperature = Annotated[float, msgspec.Meta(ge=0, le=MAX_TEMPERATURE)]

# What a user may prefer, and an author may lock.
Preference = Literal["language", "formality", "tone", "emoji_use", "response_length", "explanation_style", "call_me"]
PREFERENCES: tuple[Preference, ...] = get_args(Preference)
Locks = Annotated[tuple[Preference, ...], msgspec.Meta(max_length=len(PREFERENCES))]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, so that one object can be handed to every caller without copying."""


# The names of these structs and their docstrings, even the lack of one, are part of the fingerprint of copies in Redis.
# Change them only together with a field: otherwise this release would ignore the copies that the one before has left.
# That is why `Meta` keeps its name, although Django means something else by it.


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
    backstory: Annotated[str, msgspec.Meta(max_length=1000)] | None
    custom_instructions: Annotated[str, msgspec.Meta(max_length=2000)] | None
    speaking_style: Annotated[str, msgspec.Meta(max_length=500)] | None


class Generation(Frozen, frozen=True):
    """How the language model is asked. None: as the service asks it."""

    # In both, None stands for the service's default.
    model: ModelName | None
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
    greeting: Annotated[str, msgspec.Meta(max_length=500)] | None
    is_active: bool
    traits: Traits
    behaviors: Behaviors
    custom: Custom
    generation: Generation
    locked_preferences: Locks
    meta: Meta

    def to_dict(self) -> dict[str, Any]:
        """The configuration as plain JSON values: the id as text, times in ISO 8601."""
        locks = list(self.locked_preferences)  # msgspec leaves a tuple as it is
        return {**msgspec.to_builtins(self), "locked_preferences": locks}

    @cached_property
    def json(self) -> bytes:
        """The configuration as JSON, encoded once: what is kept in memory is served many times."""
        return msgspec.json.encode(self)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits of the SHA-256 of `json`: they differ wherever the configuration does."""
        return hashlib.sha256(self.json).hexdigest()[:32]

    @cached_property
    def memo(self) -> dict[Hashable, Any]:
        """Values computed from this configuration, kept as long as it is. Each caller chooses a key of its own."""
        return {}

    def memoized(self, make: Callable[["PersonalityConfig"], Made]) -> Made:
        """`make(self)`, computed at the first call and kept in `memo`."""
        made: Made | None = self.memo.get(make)
        if made is None:
            made = self.memo[make] = make(self)
        return made

    @classmethod
    def from_dict(cls, plain: object) -> "PersonalityConfig":
        """The inverse of `to_dict`. Raises ValueError for anything else, however nearly right."""
        return msgspec.convert(plain, cls)


TRAITS = Traits.__struct_fields__
BEHAVIORS = Behaviors.__struct_fields__
CUSTOM = Custom.__struct_fields__
GENERATION = Generation.__struct_fields__


def _lengths(*structs: type[Frozen]) -> Iterator[tuple[str, int]]:
    for field in (field for struct in structs for field in msgspec.structs.fields(struct)):
        kind = msgspec.inspect.type_info(field.type)
        for option in kind.types if isinstance(kind, msgspec.inspect.UnionType) else [kind]:
            if isinstance(option, msgspec.inspect.StrType) and option.max_length:
                yield field.name, option.max_length


# The maximum number of characters of each text, by its name in the model and the API: {"backstory": 1000, …}.
LENGTHS: Mapping[str, int] = MappingProxyType(dict(_lengths(PersonalityConfig, Custom, Generation)))


class PersonalityColumns(Protocol):
    """The columns of a personality that are read as attributes; traits, behaviors and texts are read by `getattr`."""

    id: UUID
    owner_id: int | None
    personality_name: str
    display_name: str
    archetype: str
    relationship_type: str
    greeting: str
    is_active: bool
    model: str
    temperature: float | None
    locked_preferences: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


def config_of(row: PersonalityColumns) -> PersonalityConfig:
    """The configuration that `row` stands for: a personality, or a version of one. Empty texts become None."""
    return PersonalityConfig(
        id=row.id,
        personality_name=row.personality_name,
        display_name=row.display_name or default_display_name(row.personality_name),
        archetype=row.archetype or None,
        relationship_type=row.relationship_type,
        greeting=row.greeting or None,
        is_active=row.is_active,
        traits=Traits(**{name: getattr(row, name) for name in TRAITS}),
        behaviors=Behaviors(**{name: getattr(row, name) for name in BEHAVIORS}),
        custom=Custom(**{name: getattr(row, name) or None for name in CUSTOM}),
        generation=Generation(model=row.model or None, temperature=_normalized(row.temperature)),
        locked_preferences=tuple(name for name in PREFERENCES if name in row.locked_preferences),
        meta=Meta(version=row.version, owner=row.owner_id, created_at=row.created_at, updated_at=row.updated_at),
    )


def _normalized(number: float | None) -> float | None:
    """1 becomes 1.0 and -0.0 becomes 0.0, so that equal configurations have equal bytes."""
    return None if number is None else float(number) + 0.0
