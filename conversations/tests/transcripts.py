"""Conversations with predictable texts: "question 1", "answer 1" and so on; and what is stored of them."""

from typing import Any

from django.conf import settings

from conversations import turns
from conversations.models import Conversation, Message, Role
from conversations.recent import recent
from conversations.turns import Appended, Draft

PERSONALITY = "elara"
CALLS = [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"in": "Ulm\\u0000"}'}}]
TEXT = {"type": "text", "text": "Look:"}
USED = [Draft(Role.USER, "Rain?"), Draft(Role.ASSISTANT, "", CALLS), Draft(Role.TOOL, "Yes.", None, "call_1")]


def image(size: int) -> dict[str, Any]:
    """A part with an image of so many characters."""
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * size}}


def shown(size: int = 30) -> Draft:
    """A message with a text and an image."""
    return Draft(Role.USER, "Look:", parts=[TEXT, image(size)])


def append_turn(conversation: Conversation, number: int, key: str = "") -> Appended:
    """Appends the question and the answer of one turn."""
    drafts = [Draft(Role.USER, f"question {number}"), Draft(Role.ASSISTANT, f"answer {number}")]
    return turns.append(conversation, drafts, key)


def append_turns(conversation: Conversation, first: int, last: int) -> None:
    """Appends the turns from `first` to `last`."""
    for number in range(first, last + 1):
        append_turn(conversation, number)


def recent_contents(conversation: Conversation) -> list[str]:
    """The texts of its recent messages."""
    return [message.content for message in recent(conversation)]


def stored_contents(conversation: Conversation) -> list[tuple[int, str]]:
    """Position and text of each message in PostgreSQL."""
    rows = Message.objects.filter(conversation=conversation).order_by("position")
    return list(rows.values_list("position", "content"))


def texts_of_turns(first: int, last: int) -> list[str]:
    """The texts of the turns from `first` to `last`."""
    return [text for number in range(first, last + 1) for text in (f"question {number}", f"answer {number}")]


def list_key(conversation: Conversation) -> str:
    """The key of its list in Redis."""
    return f"{settings.REDIS_KEY_PREFIX}conversation:{conversation.pk}"


def list_items(redis: Any, conversation: Conversation) -> list[bytes]:
    """The items of its list in Redis."""
    found: list[bytes] = redis.lrange(list_key(conversation), 0, -1)
    return found
