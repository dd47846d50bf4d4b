"""The tables: conversations, their prompts and their messages."""

import uuid
from datetime import datetime
from typing import Any, Self, TypedDict, cast

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import F, Func, Q, Sum, Window
from django.db.models.functions import Cast, Concat
from django.db.models.lookups import Exact, LessThanOrEqual

from conversations.redis_list import SHAPE, JsonObject, RecentMessage
from conversations.triggers import drop_unused_prompts, never_changed, unbroken
from personalities.models import Personality
from personalities.names import MAX_LENGTH
from rest.times import readable

MAX_BYTES = 128 * 1024  # of a message's text in UTF-8, with calls of tools: longer than language models answer
MAX_TITLE = 200  # characters
MAX_IDEMPOTENCY_KEY = 255  # characters
MAX_FINISH_REASON = 64  # characters
MAX_JSON_BYTES = 8 * MAX_BYTES  # of a request body, in which every character of a message may be escaped
MAX_PARTS_BYTES = MAX_JSON_BYTES  # of a message's parts, as JSON: an image is as long as the request that brings it

OCTETS = Func(F("content"), function="octet_length", output_field=models.IntegerField())
CALLS = Concat(Cast("tool_calls", models.TextField()), "tool_call_id")
TEXT_BYTES = OCTETS + Func(CALLS, function="octet_length", output_field=models.IntegerField())
BYTES = TEXT_BYTES + F("parts_bytes")
SHA256 = Func(
    F("text"), template="encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')", output_field=models.TextField()
)


class Prompt(models.Model):
    """What every user is told of a personality alike, as it was when a conversation was pinned.

    Conversations with the same text share it. It never changes, because its key is its hash, and goes with the last
    conversation that has or had it. `prompts.keep` makes it.
    """

    sha256 = models.CharField(max_length=64, primary_key=True, help_text="Of the text in UTF-8, in hexadecimal.")
    text = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(name="prompt_sha256_of_text", condition=Exact(F("sha256"), SHA256))]

    def __str__(self) -> str:
        return f"prompt {self.sha256}"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Queries for conversations."""

    def owned_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Those of this user alone, even for staff: what people say is private."""
        return self.filter(owner=user.pk)


class Conversation(models.Model):
    """A conversation of its owner with one version of a personality. It outlives the personality.

    An edited personality changes nothing here before `pinning.upgrade` is called.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="conversations"
    )  # `conversations_of_owner` begins with it
    personality = models.ForeignKey(
        Personality, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    personality_version = models.PositiveIntegerField()
    personality_name = models.CharField(max_length=MAX_LENGTH, help_text="What it was called in that version.")
    prompt = models.ForeignKey(
        Prompt, models.PROTECT, null=True, db_index=False, related_name="+"
    )  # none yet where a release before this one made the conversation: see `pinning.prompt_of`
    title = models.CharField(max_length=MAX_TITLE, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, help_text="The last message counts.")

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ("-updated_at", "id")
        indexes = [
            models.Index(F("owner"), F("updated_at").desc(), F("id"), name="conversations_of_owner"),
            # for the trigger (migrations/0003) that keeps the versions to which conversations are pinned
            models.Index(fields=("personality", "personality_version"), name="conversations_of_version"),
            models.Index(fields=("prompt",), name="conversations_of_prompt"),
        ]
        triggers = [drop_unused_prompts()]
        constraints = [
            models.CheckConstraint(name="conversation_version_positive", condition=Q(personality_version__gte=1)),
            readable("conversation_times_readable", "created_at", "updated_at"),
        ]

    def __str__(self) -> str:
        return f"conversation {self.id}"  # not its title, because the admin lists what is deleted with a user


class EarlierPrompt(models.Model):
    """A prompt that a conversation had before it was upgraded, for those of its messages that name it."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False, related_name="earlier_prompts")
    prompt = models.ForeignKey(Prompt, models.PROTECT, db_index=False, related_name="+")

    class Meta:
        indexes = [models.Index(fields=("prompt",), name="earlier_prompts_of_prompt")]
        constraints = [models.UniqueConstraint(fields=("conversation", "prompt"), name="earlier_prompt_once")]
        triggers = [drop_unused_prompts()]

    def __str__(self) -> str:
        return f"{self.prompt_id} of conversation {self.conversation_id}"


class Role(models.TextChoices):
    """Who says a message."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


NULL_IF_EMPTY = ("tool_call_id", "prompt_sha256", "finish_reason")  # texts, as the API shows them


class MessageRow(TypedDict):
    """A message as the API shows it."""

    id: uuid.UUID
    position: int
    role: str
    content: str
    tool_calls: list[JsonObject] | None
    tool_call_id: str | None
    parts: list[JsonObject] | None
    prompt_sha256: str | None
    finish_reason: str | None
    is_refusal: bool
    created_at: datetime


class MessageQuerySet(models.QuerySet["Message"]):
    """Queries for messages."""

    def read_from(self, first: int, limit: int, max_bytes: int) -> list[MessageRow]:
        """Up to `limit` messages of one conversation from position `first` on, in order, as the API shows them.

        Fewer if together they had more than `max_bytes`, but never less than one.
        """
        rows = self.filter(position__range=(first, first + limit - 1)).order_by("position")
        read = rows.annotate(read=Window(Sum(BYTES), order_by="position"))
        bounded = read.filter(Q(position=first) | Q(read__lte=max_bytes))
        return [_shown(row) for row in bounded.values(*MessageRow.__annotations__)]


def _shown(row: dict[str, Any]) -> MessageRow:
    """The row with null for what its message does not have."""
    return cast(MessageRow, {**row, **{name: row[name] or None for name in NULL_IF_EMPTY}})


class Message(models.Model):
    """A message. It never changes, and is deleted only with its conversation: triggers see to both.

    `turns.append` writes it. What it calls, answers or shows besides its text is kept in the form of OpenAI's messages.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False, related_name="messages")
    position = models.PositiveIntegerField(help_text="From 1, without gaps.")
    role = models.CharField(max_length=10, choices=Role)
    content = models.TextField(help_text="Its text; if it has parts, theirs.")
    tool_calls = models.JSONField(null=True, blank=True, help_text="What an answer calls.")
    tool_call_id = models.TextField(blank=True, default="", db_default="", help_text="The call whose result it is.")
    parts = models.JSONField(null=True, blank=True, help_text="Its content, if there is more in it than text.")
    parts_bytes = models.IntegerField(default=0, db_default=0, help_text="Of the parts, as JSON.")
    idempotency_key = models.CharField(
        max_length=MAX_IDEMPOTENCY_KEY, blank=True, help_text="Of the append that it came with."
    )
    part = models.PositiveSmallIntegerField(default=0, help_text="Its place in that append, from 0.")
    prompt_sha256 = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of the prompt that it answers with."
    )  # no foreign key, which would need an index of all messages: Conversation and EarlierPrompt have it
    finish_reason = models.CharField(
        max_length=MAX_FINISH_REASON, blank=True, default="", db_default="", help_text="Why a model ended it."
    )
    is_refusal = models.BooleanField(default=False, db_default=False, help_text="Whether its text is a refusal.")
    created_at = models.DateTimeField()

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ("conversation_id", "position")
        triggers = [unbroken(), never_changed()]
        constraints = [
            models.UniqueConstraint(fields=("conversation", "position"), name="message_position_unique"),
            models.UniqueConstraint(
                fields=("conversation", "idempotency_key", "part"), name="message_idempotency_key_unique",
                condition=~Q(idempotency_key=""),
            ),
            models.CheckConstraint(name="message_position_from_1", condition=Q(position__gte=1)),
            models.CheckConstraint(name="message_role_known", condition=Q(role__in=Role.values)),
            models.CheckConstraint(name="message_content_bounded", condition=LessThanOrEqual(OCTETS, MAX_BYTES)),
            readable("message_time_readable", "created_at"),
            models.CheckConstraint(
                name="message_parts_bounded",
                condition=Q(parts__isnull=True, parts_bytes=0)
                | Q(parts__isnull=False, parts_bytes__range=(1, MAX_PARTS_BYTES)),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"message {self.position} of conversation {self.conversation_id}"

    def to_recent(self) -> RecentMessage:
        """The message as its list in Redis holds it."""
        return RecentMessage(
            id=self.id,
            shape=SHAPE,
            position=self.position,
            role=self.role,
            content=self.content,
            created_at=self.created_at,
            tool_calls=self.tool_calls,
            tool_call_id=self.tool_call_id,
            has_parts=self.parts_bytes > 0,
        )


class DeletedResponse(models.Model):
    """An answer that its caller has deleted where OpenAI's API calls it a response: it is not found there any more.

    The conversation keeps it as a message, as OpenAI's do. It refers to the conversation, not to the message: else all
    messages would have to be read when a conversation is deleted.
    """

    message_id = models.UUIDField(primary_key=True)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"response {self.message_id}"
