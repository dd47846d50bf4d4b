"""The JSON of a personality: a read shows its configuration, and what is written has the same shape."""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from personalities.api.fields import Level, Locks, ModelName, Name, NameAsGiven, Temperature
from personalities.archetypes import ARCHETYPES, FieldValues
from personalities.config import (
    BEHAVIORS,
    CUSTOM,
    LENGTHS,
    MAX_NOTE_LENGTH,
    MAX_VERSION,
    TRAITS,
    PersonalityConfig,
)
from personalities.models import Personality, RelationshipType
from rest.conditional import Representation
from rest.fields import AnswerSerializer, Flag, ShortList, StrictSerializer, Text, WholeNumber

MAX_NAMES = 100
GROUPS = ("traits", "behaviors", "custom", "generation")
NOT_MODEL_FIELDS = frozenset({*GROUPS, "note"})

Fields = dict[str, serializers.Field[Any, Any, Any, Any]]


# ── A personality ─────────────────────────────────────────────────────────────────────────────────────────────────────


class TraitsSerializer(StrictSerializer):
    """Levels, whole numbers from 0 to 10."""

    def get_fields(self) -> Fields:
        """One for each trait of the configuration."""
        return {name: Level() for name in TRAITS}


class BehaviorsSerializer(StrictSerializer):
    """What it does in a conversation."""

    def get_fields(self) -> Fields:
        """One for each behavior of the configuration."""
        return {name: Flag() for name in BEHAVIORS}


class CustomSerializer(StrictSerializer):
    """The author's own texts, kept to the letter; null for none."""

    def get_fields(self) -> Fields:
        """One for each custom text of the configuration."""
        return {name: Text(max_length=LENGTHS[name]) for name in CUSTOM}


class GenerationSerializer(StrictSerializer):
    """How the language model is asked; null for the service's default."""

    model = ModelName(help_text="One of the models on offer.")
    temperature = Temperature(help_text="A temperature in a request takes precedence.")


class MetaSerializer(AnswerSerializer):
    """What the service counts, and whose it is."""

    version = serializers.IntegerField(help_text="The number of changes, from 1.")
    owner = serializers.IntegerField(allow_null=True, help_text="Id of the owning user; null for a global personality.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PersonalitySerializer(StrictSerializer):
    """POST and PUT need only `personality_name`: the archetype fills what is left out. PATCH keeps what is left out.

    Null clears where it is allowed. Unknown fields are refused, and so are read-only ones unless they are sent back
    unchanged.
    """

    id = serializers.UUIDField(read_only=True)
    personality_name = Name()
    display_name = Text(max_length=LENGTHS["display_name"])
    archetype = serializers.ChoiceField(choices=sorted(ARCHETYPES), required=False, allow_null=True)
    relationship_type = serializers.ChoiceField(choices=RelationshipType.values, required=False)
    greeting = Text(max_length=LENGTHS["greeting"])
    is_active = Flag()
    traits = TraitsSerializer(required=False)
    behaviors = BehaviorsSerializer(required=False)
    custom = CustomSerializer(required=False)
    generation = GenerationSerializer(required=False)
    locked_preferences = Locks(help_text="Preferences that users cannot override.")
    note = Text(max_length=MAX_NOTE_LENGTH, write_only=True, help_text="The reason, for the history.")
    meta = MetaSerializer(read_only=True)

    def to_representation(self, instance: Personality | PersonalityConfig) -> dict[str, object]:
        """The configuration as plain JSON values. A write passes the configuration itself, a list passes rows."""
        config = instance if isinstance(instance, PersonalityConfig) else instance.to_config()
        return config.to_dict()

    def _shown(self) -> Mapping[str, object]:
        return self.to_representation(self.instance) if self.instance else {}


def field_values(body: Mapping[str, Any]) -> FieldValues:
    """The values of model fields that a valid body gives: {"traits": {"humor_level": 3}, "archetype": None} becomes
    {"humor_level": 3, "archetype": ""}.
    """
    flat = {name: value for name, value in body.items() if name not in NOT_MODEL_FIELDS}
    for group in GROUPS:
        flat |= body.get(group, {})
    return null_to_empty(flat)


def null_to_empty(flat: FieldValues) -> FieldValues:
    """`flat` with "" for absent texts, as the database stores them; only `temperature` may be None."""
    return {name: "" if value is None and name != "temperature" else value for name, value in flat.items()}


# ── Other bodies ──────────────────────────────────────────────────────────────────────────────────────────────────────


class RollbackSerializer(StrictSerializer):
    """The version to go back to."""

    version = WholeNumber(min_value=1, max_value=MAX_VERSION)
    note = Text(max_length=MAX_NOTE_LENGTH, help_text="The reason, for the history.")


class ResolveSerializer(StrictSerializer):
    """Names in any spelling; the answer lists them as they were given."""

    names = ShortList(child=NameAsGiven(), min_length=1, max_length=MAX_NAMES)


class ResolvedSerializer(AnswerSerializer):
    """What was found under each name, and which names have nothing."""

    personalities = serializers.DictField(child=PersonalitySerializer(), help_text="By name, as given.")
    missing = serializers.ListField(child=serializers.CharField())


@extend_schema_serializer(component_name="PersonalityId")
class IdSerializer(AnswerSerializer):
    """Only the id."""

    id = serializers.UUIDField()


class ArchetypeSerializer(AnswerSerializer):
    """A ready-made character, and what it fills in."""

    name = serializers.CharField()
    display_name = serializers.CharField()
    description = serializers.CharField()
    relationship_type = serializers.CharField()
    speaking_style = serializers.CharField()
    example_greeting = serializers.CharField()
    traits = TraitsSerializer()
    behaviors = BehaviorsSerializer()


# ── As HTTP carries it ────────────────────────────────────────────────────────────────────────────────────────────────

Represent = Callable[[PersonalityConfig], Representation]


def represent(config: PersonalityConfig) -> Representation:
    """The whole configuration. Its bytes and their digest are made once and kept with it."""
    return Representation(config.json, f'"{config.digest}"')


def represent_id(config: PersonalityConfig) -> Representation:
    """Only the id, which is its own ETag."""
    return Representation(b'{"id":"%s"}' % str(config.id).encode(), f'"{config.id}"')
