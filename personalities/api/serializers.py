"""The JSON of a personality. Reading shows a PersonalityConfig; writing takes the same shape."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from personalities.api import drafts
from personalities.api.fields import GivenName, Level, Locks, ModelName, Name, Temperature
from personalities.config import BEHAVIORS, CUSTOM, LENGTHS, MAX_NOTE_LENGTH, TRAITS
from personalities.models import Personality, RelationshipType
from personalities.seeds import ARCHETYPES
from rest.fields import Flag, StrictSerializer, Text

MAX_NAMES = 100


class TraitsSerializer(StrictSerializer):
    """Levels, whole numbers from 0 to 10."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """One for each of the configuration's."""
        return {name: Level() for name in TRAITS}


class BehaviorsSerializer(StrictSerializer):
    """What it does in a conversation."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """One for each of the configuration's."""
        return {name: Flag() for name in BEHAVIORS}


class CustomSerializer(StrictSerializer):
    """The author's own texts, kept to the letter; null for none."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """One for each of the configuration's."""
        return {name: Text(max_length=LENGTHS[name]) for name in CUSTOM}


class GenerationSerializer(StrictSerializer):
    """How the language model is asked; null for the service's own way."""

    model = ModelName(help_text="One that is offered here.")
    temperature = Temperature(help_text="That of a request goes before it.")


class MetaSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="Counts the changes.")
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
    locked_preferences = Locks(help_text="What users may not have otherwise, whatever they prefer.")
    note = Text(max_length=MAX_NOTE_LENGTH, write_only=True, help_text="Why: for the history.")
    meta = MetaSerializer(read_only=True)

    def to_representation(self, instance: Personality) -> dict[str, Any]:
        return instance.to_config().to_dict()

    def create(self, validated_data: dict[str, Any]) -> Personality:
        return drafts.save(drafts.new(validated_data))

    def update(self, instance: Personality, validated_data: dict[str, Any]) -> Personality:
        before = instance.to_config()
        return drafts.save(drafts.changed(instance, validated_data, partial=self.partial), before)

    def draft(self) -> Personality:
        """What `save` would save, once it is valid."""
        if self.instance is None:
            return drafts.new(self.validated_data)
        return drafts.changed(self.instance, self.validated_data, partial=self.partial)

    def _shown(self) -> Mapping[str, Any]:
        return self.to_representation(self.instance) if self.instance else {}


class ResolveSerializer(StrictSerializer):
    """Names in any spelling; the answer calls them as they were given."""

    names = serializers.ListField(child=GivenName(), min_length=1, max_length=MAX_NAMES)


class ResolvedSerializer(serializers.Serializer[Any]):
    personalities = serializers.DictField(child=PersonalitySerializer(), help_text="By name, as given.")
    missing = serializers.ListField(child=serializers.CharField())


class IdSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class ArchetypeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    display_name = serializers.CharField()
    description = serializers.CharField()
    relationship_type = serializers.CharField()
    speaking_style = serializers.CharField()
    example_greeting = serializers.CharField()
    traits = TraitsSerializer()
    behaviors = BehaviorsSerializer()
