"""The last messages of a conversation, for a prompt."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from coherence.transactions import in_transaction
from conversations import buffer
from conversations.buffer import LIMIT, RecentMessage
from conversations.models import Conversation, Message

Source = Literal["redis", "database"]
sources: Counter[Source] = Counter()  # where the recent messages came from, for metrics


class Head(NamedTuple):
    """The last message there is."""

    position: int
    id: UUID


def recent(conversation: Conversation) -> list[RecentMessage]:
    """The last 20 messages, the oldest first: all that was committed when it was called, whatever Redis does.

    The list in Redis is believed when it has every position up to the head's, which the database is asked for each
    time, and ends with that very message. That is enough: messages never change, and a list is either made of rows as
    a whole, or goes on from one that ends with the message before (see `buffer.APPEND`). So by its last message it is
    known. Any other list is replaced.
    """
    if in_transaction():  # what is read here may never be committed: it must not get into a list
        return _rows(conversation)
    last = head(conversation)
    if last is None:
        return []
    kept = buffer.read(conversation.pk)
    if kept and is_tail(kept, last):
        sources["redis"] += 1
        return kept
    return _rows(conversation) if kept is None else _rebuilt(conversation)


def head(conversation: Conversation) -> Head | None:
    rows = Message.objects.filter(conversation=conversation.pk).order_by("-position")
    found = rows.values_list("position", "id").first()
    return Head(*found) if found else None


def is_tail(messages: Sequence[RecentMessage], last: Head) -> bool:
    """Whether these are the last messages up to `last`, each at its place and none missing."""
    wanted = range(max(last.position - LIMIT, 0) + 1, last.position + 1)
    return [message.position for message in messages] == list(wanted) and messages[-1].id == last.id


def _rebuilt(conversation: Conversation) -> list[RecentMessage]:
    found = _rows(conversation)
    if found:  # else it was deleted meanwhile
        buffer.replace(conversation.pk, found)
    return found


def _rows(conversation: Conversation) -> list[RecentMessage]:
    sources["database"] += 1
    rows = Message.objects.filter(conversation=conversation.pk).order_by("-position")[:LIMIT]
    return [row.to_recent() for row in reversed(rows)]
