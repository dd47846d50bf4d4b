"""What tests say, and what was kept of it."""

from typing import Any

from django.conf import settings

from conversations import turns
from conversations.models import Conversation, Message, Role
from conversations.recent import recent
from conversations.turns import Appended, Draft

PERSONALITY = "elara"


def turn(conversation: Conversation, number: int, key: str = "") -> Appended:
    """What the user says, and the answer."""
    drafts = [Draft(Role.USER, f"question {number}"), Draft(Role.ASSISTANT, f"answer {number}")]
    return turns.append(conversation, drafts, key)


def talk(conversation: Conversation, first: int, last: int) -> None:
    for number in range(first, last + 1):
        turn(conversation, number)


def contents(conversation: Conversation) -> list[str]:
    """What is read of its last messages."""
    return [message.content for message in recent(conversation)]


def kept(conversation: Conversation) -> list[tuple[int, str]]:
    """All that PostgreSQL has of it."""
    rows = Message.objects.filter(conversation=conversation).order_by("position")
    return list(rows.values_list("position", "content"))


def said(first: int, last: int) -> list[str]:
    """The contents of these turns."""
    return [text for number in range(first, last + 1) for text in (f"question {number}", f"answer {number}")]


def key_of(conversation: Conversation) -> str:
    """Of its list in Redis."""
    return f"{settings.REDIS_KEY_PREFIX}conversation:{conversation.pk}"


def in_redis(redis: Any, conversation: Conversation) -> list[bytes]:
    found: list[bytes] = redis.lrange(key_of(conversation), 0, -1)
    return found
