"""The JSON of a history."""

from typing import Any

from rest_framework import serializers

from personalities.api.serializers import PersonalitySerializer
from personalities.config import MAX_NOTE_LENGTH, MAX_VERSION
from personalities.models import Version
from rest.fields import StrictSerializer, Text, WholeNumber


class VersionSerializer(serializers.ModelSerializer[Version]):
    version = serializers.IntegerField(source="number")
    author = serializers.CharField(help_text="Empty for commands and SQL that did not say.")
    note = serializers.CharField(help_text="Why, in the author's words.")

    class Meta:
        model = Version
        fields = ("version", "author", "note", "created_at")


class WholeVersionSerializer(VersionSerializer):
    personality = PersonalitySerializer()

    class Meta(VersionSerializer.Meta):
        fields = (*VersionSerializer.Meta.fields, "personality")  # type: ignore[assignment]


class ChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="A dotted path in the configuration.")
    before = serializers.JSONField()
    after = serializers.JSONField()


class DifferenceSerializer(serializers.Serializer[Any]):
    before = serializers.IntegerField()
    after = serializers.IntegerField()
    changes = ChangeSerializer(many=True)
    prompt = serializers.CharField(help_text="Of the assembled prompt: a unified diff.")


class RollbackSerializer(StrictSerializer):
    version = WholeNumber(min_value=1, max_value=MAX_VERSION)
    note = Text(max_length=MAX_NOTE_LENGTH, help_text="Why: for the history.")
