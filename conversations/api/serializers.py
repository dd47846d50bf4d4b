"""The JSON of conversations and messages, and the errors of their API, which name the field at fault in `errors`."""

from collections.abc import Mapping
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound

from conversations.models import MAX_TITLE, NULL_IF_EMPTY, Conversation, Message, Role
from conversations.turns import InvalidContent, check
from personalities.api.fields import Name
from rest.fields import AnswerSerializer, Flag, StrictSerializer, Text

WRITABLE = (Role.USER.value, Role.ASSISTANT.value)  # clients do not write messages of the system
ANY_OBJECT = {"type": "object", "additionalProperties": True}  # some take one of which nothing is said for empty


class ConversationSerializer(StrictSerializer):
    """`personality_version` is the version the conversation is pinned to, `prompt_sha256` the prompt."""

    id = serializers.UUIDField(read_only=True)
    personality = Name(source="personality_name", help_text="By name; your own before a global one.")
    personality_version = serializers.IntegerField(read_only=True)
    prompt_sha256 = serializers.CharField(
        source="prompt_id",
        read_only=True,
        allow_null=True,
        help_text="Of what a language model is told of the personality, before the user's wishes. The text is in the "
        "export. Null until the first answer, if an older release began the conversation.",
    )
    title = Text(max_length=MAX_TITLE)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True, help_text="Also when a message is added.")

    def to_representation(self, instance: Conversation) -> dict[str, object]:
        """The conversation as the API shows it: null in place of an empty title."""
        return {**super().to_representation(instance), "title": instance.title or None}

    def validate_title(self, title: str | None) -> str:
        """The title as the column holds it."""
        return title or ""


class NewConversationSerializer(ConversationSerializer):
    """A conversation to begin."""

    greeting = Flag(default=True, write_only=True, help_text="Whether its first message is the personality's greeting.")


class RenameSerializer(ConversationSerializer):
    """Only the title changes; null clears it."""

    personality = Name(source="personality_name", read_only=True)

    def update(self, instance: Conversation, validated_data: dict[str, str]) -> Conversation:
        """Saves the title if it is another one."""
        if validated_data.get("title", instance.title) != instance.title:
            instance.title = validated_data["title"]
            instance.save(update_fields=["title", "updated_at"])
        return instance

    def _shown(self) -> Mapping[str, object]:
        return self.to_representation(self.instance) if self.instance else {}


class Content(serializers.CharField):
    """The text of a message, kept to the letter: at most 128 KiB in UTF-8, and not of white space alone."""

    def to_internal_value(self, data: object) -> str:
        """The text as it was sent. Raises ValidationError for what is not a string or cannot be stored."""
        if not isinstance(data, str):  # DRF would accept 5
            self.fail("invalid")
        if not data.strip():  # many models refuse a message that says nothing, in each later turn
            self.fail("blank")
        try:
            check(data)
        except InvalidContent as error:
            raise serializers.ValidationError(str(error)) from None
        return super().to_internal_value(data)


@extend_schema_field({"type": "array", "items": ANY_OBJECT, "nullable": True, "readOnly": True})
class Objects(serializers.JSONField):
    """A list of objects, as OpenAI's messages have them, or null."""


class MessageSerializer(StrictSerializer):
    """A message of a conversation. What it does not have is null."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True, help_text="From 1, without gaps.")
    role = serializers.ChoiceField(choices=Role.values)
    content = Content(trim_whitespace=False, help_text="Its text; if it has parts, theirs.")
    tool_calls = Objects(read_only=True, help_text="What an answer calls, in the form of OpenAI's messages.")
    tool_call_id = Text(read_only=True, help_text="The call whose result it is.")
    parts = Objects(
        read_only=True, help_text="Texts, images, files and refusals, in the same form, if there is more than text."
    )
    prompt_sha256 = serializers.CharField(
        read_only=True, allow_null=True, help_text="Of the prompt with which a language model gave this answer."
    )
    finish_reason = serializers.CharField(
        read_only=True, allow_null=True, help_text="Why a language model ended this answer, as chat told it."
    )
    is_refusal = serializers.BooleanField(read_only=True, help_text="Whether a language model refused so.")
    created_at = serializers.DateTimeField(read_only=True)

    def to_representation(self, instance: Message) -> dict[str, object]:
        """The message as the API shows it: null in place of what is empty."""
        empty = {name: None for name in NULL_IF_EMPTY if not getattr(instance, name)}
        return {**super().to_representation(instance), **empty}


class NewMessageSerializer(MessageSerializer):
    """A message to add to a conversation: a text. Tools are called, and images shown, in chat."""

    role = serializers.ChoiceField(choices=WRITABLE, default=Role.USER.value)


class ExportSerializer(serializers.Serializer[Conversation]):
    """A conversation with all its messages."""

    conversation = ConversationSerializer()
    messages = MessageSerializer(many=True, help_text="All, in order.")
    prompts = serializers.DictField(
        child=serializers.CharField(), help_text="What a language model was told of the personality, by its SHA-256."
    )


class PinSerializer(AnswerSerializer):
    """What a conversation is pinned to."""

    personality_version = serializers.IntegerField()
    prompt_sha256 = serializers.CharField()


class UpgradePreviewSerializer(AnswerSerializer):
    """What an upgrade would change."""

    before = PinSerializer()
    after = PinSerializer()
    prompt = serializers.CharField(help_text="A unified diff of the two prompts; empty if they are equal.")


class ConversationNotFound(NotFound):
    """404: the caller has no such conversation."""

    def __init__(self, id: UUID) -> None:
        super().__init__(f"You have no conversation {id}.")
        self.errors = {"id": [str(self.detail)]}


class PersonalityGone(APIException):
    """409: there is no current version to upgrade to."""

    status_code = 409
    default_detail = "This personality no longer exists; the conversation stays with the version it has."
    errors = {"personality": [default_detail]}


class IdempotencyKeyReused(APIException):
    """409: the key was used for another message."""

    status_code = 409
    default_detail = "This key was sent with another message. Send each new message with a new key."
    errors = {"Idempotency-Key": [default_detail]}
