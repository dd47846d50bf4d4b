"""The JSON of a personality. Reading shows a PersonalityConfig; writing takes the same shape."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework import serializers

from personalities.api.errors import NameTaken
from personalities.api.fields import Flag, GivenName, Level, Name, StrictSerializer, Text
from personalities.archetypes import ARCHETYPES, complete, refill
from personalities.models import Personality, RelationshipType

MAX_NAMES = 100


class TraitsSerializer(StrictSerializer):
    """Levels, whole numbers from 0 to 10."""

    humor_level = Level()
    formality_level = Level()
    enthusiasm_level = Level()
    empathy_level = Level()
    directness_level = Level()
    curiosity_level = Level()
    supportiveness_level = Level()
    playfulness_level = Level()


class BehaviorsSerializer(StrictSerializer):
    """What it does in a conversation."""

    asks_questions = Flag()
    uses_examples = Flag()
    shares_opinions = Flag()
    challenges_user = Flag()
    celebrates_wins = Flag()


class CustomSerializer(StrictSerializer):
    """The author's own texts, kept to the letter; null for none."""

    backstory = Text(max_length=1000)
    custom_instructions = Text(max_length=2000)
    speaking_style = Text(max_length=500)


class MetaSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="Counts the changes.")
    owner = serializers.IntegerField(allow_null=True, help_text="Id of the owning user; null for a global personality.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PersonalitySerializer(StrictSerializer):
    """POST and PUT need only `personality_name`: the archetype fills what is left out. PATCH keeps what is left out.

    Null clears a text. Unknown fields are refused, and so are read-only ones unless they are sent back unchanged.
    """

    id = serializers.UUIDField(read_only=True)
    personality_name = Name()
    display_name = Text(max_length=100)
    archetype = serializers.ChoiceField(choices=sorted(ARCHETYPES), required=False, allow_null=True)
    relationship_type = serializers.ChoiceField(choices=RelationshipType.values, required=False)
    greeting = Text(max_length=500)
    is_active = Flag()
    traits = TraitsSerializer(required=False)
    behaviors = BehaviorsSerializer(required=False)
    custom = CustomSerializer(required=False)
    note = Text(max_length=500, write_only=True, help_text="Why: for the history.")
    meta = MetaSerializer(read_only=True)

    def to_representation(self, instance: Personality) -> dict[str, Any]:
        return instance.to_config().to_dict()

    def create(self, validated_data: dict[str, Any]) -> Personality:
        return saved(Personality(**complete(_columns(validated_data))))

    def update(self, instance: Personality, validated_data: dict[str, Any]) -> Personality:
        """PUT replaces the whole; PATCH keeps what is not given."""
        given = _columns(validated_data)
        changes = {**refill(vars(instance), given), **given} if self.partial else complete(given)
        for column, value in changes.items():
            setattr(instance, column, value)
        return saved(instance)

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


def _columns(nested: Mapping[str, Any]) -> dict[str, Any]:
    """{"traits": {"humor_level": 3}, "archetype": None} becomes {"humor_level": 3, "archetype": ""}."""
    groups = ("traits", "behaviors", "custom")
    flat = {name: value for name, value in nested.items() if name not in (*groups, "note")}
    for group in groups:
        flat |= nested.get(group, {})
    return {name: "" if value is None else value for name, value in flat.items() if name != "owner"} | _owner(nested)


def _owner(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Not a field of the API: the view says whose a new personality is, and None is an answer."""
    return {"owner": nested["owner"]} if "owner" in nested else {}


def saved(personality: Personality) -> Personality:
    try:
        with transaction.atomic():
            personality.save()
    except IntegrityError as error:
        if "personality_owner_and_name_unique" in str(error):
            raise NameTaken from None
        raise
    return personality
