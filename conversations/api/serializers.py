"""The JSON of conversations and messages."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from conversations.models import Conversation, Role
from conversations.turns import InvalidContent, check
from personalities.api.fields import Name
from rest.fields import StrictSerializer, Text

WRITABLE = (Role.USER.value, Role.ASSISTANT.value)  # what the system says is not said by a client


class ConversationSerializer(StrictSerializer):
    """`personality_version` is the one that the conversation is with, until it is upgraded."""

    id = serializers.UUIDField(read_only=True)
    personality = Name(source="personality_name", help_text="By name; yours before a global one.")
    personality_version = serializers.IntegerField(read_only=True)
    title = Text(max_length=200)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True, help_text="The last message counts.")

    def to_representation(self, instance: Conversation) -> dict[str, Any]:
        return {**super().to_representation(instance), "title": instance.title or None}

    def validate_title(self, title: str | None) -> str:
        return title or ""


class RenameSerializer(ConversationSerializer):
    """Only the title changes; null clears it."""

    personality = Name(source="personality_name", read_only=True)

    def update(self, instance: Conversation, validated_data: dict[str, Any]) -> Conversation:
        if validated_data.get("title", instance.title) != instance.title:
            instance.title = validated_data["title"]
            instance.save(update_fields=["title", "updated_at"])
        return instance

    def _shown(self) -> Mapping[str, Any]:
        return self.to_representation(self.instance) if self.instance else {}


class Content(serializers.CharField):
    """Text as it was said: at most 128 KiB in UTF-8."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):  # DRF would take 5
            self.fail("invalid")
        try:
            check(data)
        except InvalidContent as error:
            raise serializers.ValidationError(str(error)) from None
        return super().to_internal_value(data)


class MessageSerializer(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True, help_text="From 1, without gaps.")
    role = serializers.ChoiceField(choices=Role.values)
    content = Content(trim_whitespace=False)
    created_at = serializers.DateTimeField(read_only=True)


class NewMessageSerializer(MessageSerializer):
    role = serializers.ChoiceField(choices=WRITABLE, default=Role.USER.value)


class ExportSerializer(serializers.Serializer[Any]):
    conversation = ConversationSerializer()
    messages = MessageSerializer(many=True, help_text="All, in order.")
