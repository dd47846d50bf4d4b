"""What is said is said once: messages are appended to a conversation together or not at all."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from conversations import buffer
from conversations.models import MAX_BYTES, Conversation, Message, Role
from conversations.recent import Head, head


class InvalidContent(ValueError):
    """A text that cannot be a message; the error says why."""


class KeyReused(Exception):
    """The idempotency key belongs to other messages."""


class Draft(NamedTuple):
    """A message that nobody has kept yet."""

    role: Role
    content: str


class Appended(NamedTuple):
    """`repeated`: they were there already, under this idempotency key."""

    messages: list[Message]
    repeated: bool


@transaction.atomic
def append(conversation: Conversation, drafts: Sequence[Draft], idempotency_key: str = "") -> Appended:
    """Keep `drafts` at the end of the conversation, in this order, all of them or none.

    With a key, a repeat finds what the first call has kept and keeps nothing: after any error or none at all it may be
    called again. Raises KeyReused when that were other messages, InvalidContent, and Conversation.DoesNotExist.
    """
    for draft in drafts:
        check(draft.content)
    _lock(conversation)
    if idempotency_key and (earlier := stored(conversation, idempotency_key)):
        return Appended(_same(earlier, drafts), repeated=True)
    if not drafts:
        return Appended([], repeated=False)
    last, now = head(conversation), timezone.now()
    rows = Message.objects.bulk_create(_rows(conversation, drafts, idempotency_key, last, now))
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=now)
    _buffer_on_commit(conversation, rows, last)
    return Appended(rows, repeated=False)


def stored(conversation: Conversation, idempotency_key: str) -> list[Message]:
    """What was appended under the key, in order; nothing when it is new."""
    return list(conversation.messages.filter(idempotency_key=idempotency_key).order_by("part"))


def check(content: str) -> None:
    """Raises InvalidContent for what cannot be kept."""
    try:
        size = len(content.encode())
    except UnicodeEncodeError:
        raise InvalidContent("Lone surrogates are not text.") from None
    if size > MAX_BYTES:
        raise InvalidContent(f"At most {MAX_BYTES} bytes in UTF-8; these are {size}.")
    if "\0" in content:
        raise InvalidContent("NUL is not text.")


def _lock(conversation: Conversation) -> None:
    """One append at a time. A statement of its own: the next one shall see what the last holder has committed."""
    Conversation.objects.select_for_update(no_key=True).only("id").order_by().get(pk=conversation.pk)


def _same(earlier: list[Message], drafts: Sequence[Draft]) -> list[Message]:
    if [(message.role, message.content) for message in earlier] != [tuple(draft) for draft in drafts]:
        raise KeyReused
    return earlier


def _rows(
    conversation: Conversation, drafts: Sequence[Draft], key: str, last: Head | None, now: datetime
) -> list[Message]:
    first = last.position + 1 if last else 1
    common = {"conversation": conversation, "idempotency_key": key, "created_at": now}
    return [
        Message(position=first + part, part=part, role=draft.role, content=draft.content, **common)
        for part, draft in enumerate(drafts)
    ]


def _buffer_on_commit(conversation: Conversation, rows: list[Message], last: Head | None) -> None:
    """No truth rests on it: a reader puts right what gets lost here. So a failure must not spoil the answer."""
    messages, before = [row.to_recent() for row in rows], last.id if last else None

    def append_committed() -> None:  # a named function: Django's report of a failing hook cannot name a partial
        buffer.append(conversation.pk, messages, before)

    transaction.on_commit(append_committed, robust=True)
