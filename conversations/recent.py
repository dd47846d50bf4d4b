"""The last messages of a conversation, for a prompt: from Redis if the list there is right, else from PostgreSQL."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Sum, Window

from conversations import redis_list
from conversations.models import MAX_BYTES, MAX_PARTS_BYTES, TEXT_BYTES, Conversation, Message, Role
from conversations.redis_list import LIMIT, RecentMessage
from resilience.transactions import in_transaction

REACH = 200  # messages
Source = Literal["redis", "database"]
sources: Counter[Source] = Counter()  # where recent messages came from, for metrics


class Head(NamedTuple):
    """The last message of a conversation."""

    position: int
    id: UUID


def recent(conversation: Conversation) -> list[RecentMessage]:
    """The last 20 messages, oldest first: all that were committed before the call, whatever Redis does.

    Of their parts only the newest are read, MAX_PARTS_BYTES in all; of others `has_parts` alone is told.
    """
    return _with_parts(_without_parts(conversation))


def _without_parts(conversation: Conversation) -> list[RecentMessage]:
    """A list in Redis is used if it has every position up to that of the last message, for which PostgreSQL is asked
    each time, and ends with that very message. That suffices: messages never change, and a list is either written as a
    whole from rows or continues one that ended with the message before (see `redis_list.APPEND`). So its last message
    determines all others. Any other list is replaced.
    """
    if in_transaction():  # what is read here may never be committed, so it must not get into a list
        return _rows(conversation)
    last = head(conversation)
    if last is None:
        return []
    listed = redis_list.read(conversation.pk)
    if listed and is_tail(listed, last):
        sources["redis"] += 1
        return listed
    return _rows(conversation) if listed is None else _rebuilt(conversation)


def _with_parts(messages: list[RecentMessage]) -> list[RecentMessage]:
    ids = [message.id for message in messages if message.has_parts]
    if not ids:
        return messages
    rows = Message.objects.filter(pk__in=ids)
    read = rows.annotate(read=Window(Sum("parts_bytes"), order_by="-position"))
    parts = dict(read.filter(read__lte=MAX_PARTS_BYTES).values_list("pk", "parts"))
    return [msgspec.structs.replace(message, parts=parts.get(message.id)) for message in messages]


def since_question(conversation: Conversation, found: list[RecentMessage]) -> list[RecentMessage]:
    """The recent messages, and those before them from the user's last one on.

    The same as were found if that is more than 200 messages ago, or they have more text than twenty may have.
    """
    first = found[0].position
    before = Message.objects.filter(conversation=conversation.pk, position__range=(first - REACH, first - 1))
    question = before.filter(role=Role.USER).order_by("-position").values_list("position", flat=True).first()
    rows = before.filter(position__gte=question or first).order_by("position").defer("parts")
    if question is None or (rows.aggregate(read=Sum(TEXT_BYTES))["read"] or 0) > LIMIT * MAX_BYTES:
        return found
    return _with_parts([*(row.to_recent() for row in rows), *found])


def head(conversation: Conversation) -> Head | None:
    """The last message in PostgreSQL; None if there is none."""
    rows = Message.objects.filter(conversation=conversation.pk).order_by("-position")
    found = rows.values_list("position", "id").first()
    return Head(*found) if found else None


def is_tail(messages: Sequence[RecentMessage], last: Head) -> bool:
    """Whether these are the last messages up to `last`, in order and without a gap."""
    wanted = range(max(last.position - LIMIT, 0) + 1, last.position + 1)
    return [message.position for message in messages] == list(wanted) and messages[-1].id == last.id


def _rebuilt(conversation: Conversation) -> list[RecentMessage]:
    found = _rows(conversation)
    if found:  # else the conversation was deleted meanwhile
        redis_list.replace(conversation.pk, found)
    return found


def _rows(conversation: Conversation) -> list[RecentMessage]:
    sources["database"] += 1
    rows = Message.objects.filter(conversation=conversation.pk).order_by("-position").defer("parts")[:LIMIT]
    return [row.to_recent() for row in reversed(rows)]
