"""Appends messages to a conversation: together or not at all, and once for each idempotency key."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from conversations import redis_list
from conversations.models import (
    MAX_BYTES,
    MAX_IDEMPOTENCY_KEY,
    MAX_PARTS_BYTES,
    Conversation,
    Message,
    Role,
)
from conversations.recent import Head, head
from conversations.redis_list import JsonObject
from resilience.transactions import after_commit

IDEMPOTENCY_KEY = re.compile(rf"[!-~]{{1,{MAX_IDEMPOTENCY_KEY}}}")
IDEMPOTENCY_KEY_RULE = f"1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters."  # the same in words, for error messages

ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # in JSON: behind an even number of backslashes


class InvalidContent(ValueError):
    """The text cannot be stored as a message. `str(error)` says why."""


class KeyReused(Exception):
    """The idempotency key was used for other messages."""


class MovedOn(Exception):
    """The conversation no longer ends with the message that these were to follow."""


class Draft(NamedTuple):
    """A message that is not stored yet: its text and, in the form of OpenAI's messages, what else it has.

    `content` is the text of `parts`, if there are any. Of an answer that a language model gave: `prompt_sha256` is that
    of the prompt, `finish_reason` is why it ended, and `is_refusal` says that its text is a refusal.
    """

    role: Role
    content: str
    tool_calls: list[JsonObject] | None = None
    tool_call_id: str = ""
    parts: list[JsonObject] | None = None
    prompt_sha256: str = ""
    finish_reason: str = ""
    is_refusal: bool = False

    @classmethod
    def of(cls, message: Message) -> "Draft":
        """What the stored message was made from."""
        return cls(**{name: getattr(message, name) for name in cls._fields})._replace(role=Role(message.role))


class Appended(NamedTuple):
    """The stored messages. `repeated` if they had been stored before, under the same idempotency key."""

    messages: list[Message]
    repeated: bool


@transaction.atomic
def append(
    conversation: Conversation,
    drafts: Sequence[Draft],
    idempotency_key: str = "",
    last_id: UUID | None = None,
    after: UUID | None = None,
) -> Appended:
    """Stores `drafts` at the end of the conversation, in this order, all of them or none; the last under `last_id`.

    With a key, a repeated call finds the messages of the first one and stores nothing, so it may be repeated after any
    error. Raises KeyReused if the key was used for other messages, MovedOn if they are to come `after` a message that
    is not the last one any more, InvalidContent, and Conversation.DoesNotExist.
    """
    for draft in drafts:
        check_draft(draft)
    _lock(conversation)
    if idempotency_key and (earlier := stored(conversation, idempotency_key)):
        return Appended(_same(earlier, drafts), repeated=True)
    if not drafts:
        return Appended([], repeated=False)
    last, now = head(conversation), timezone.now()
    if after and (last is None or last.id != after):
        raise MovedOn
    rows = _rows(conversation, drafts, idempotency_key, last, now)
    rows[-1].pk = last_id or rows[-1].pk
    Message.objects.bulk_create(rows)
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=now)
    _append_to_list_on_commit(conversation, rows, last)
    return Appended(rows, repeated=False)


def stored(conversation: Conversation, idempotency_key: str) -> list[Message]:
    """The messages that were appended under the key, in order; empty if it is new."""
    return list(conversation.messages.filter(idempotency_key=idempotency_key).order_by("part"))


def is_empty(draft: Draft) -> bool:
    """Whether it says, shows and calls nothing: white space says nothing."""
    return not (draft.content.strip() or draft.parts or draft.tool_calls)


def check_draft(draft: Draft) -> None:
    """Raises InvalidContent if the message cannot be stored."""
    for text in (draft.content, draft.tool_call_id):
        check(text)
    size = len((draft.content + draft.tool_call_id).encode()) + _size(draft.tool_calls)
    if size > MAX_BYTES:
        raise InvalidContent(f"Text and tool calls have at most {MAX_BYTES} bytes; these have {size}.")
    if (size := _size(draft.parts)) > MAX_PARTS_BYTES:
        raise InvalidContent(f"The parts of a message have at most {MAX_PARTS_BYTES} bytes; these have {size}.")


def check(content: str) -> None:
    """Raises InvalidContent if the text cannot be stored."""
    try:
        size = len(content.encode())
    except UnicodeEncodeError:
        raise InvalidContent("Lone surrogates are not text.") from None
    if size > MAX_BYTES:
        raise InvalidContent(f"At most {MAX_BYTES} bytes in UTF-8; these are {size}.")
    if "\0" in content:
        raise InvalidContent("NUL is not text.")


def _size(value: list[JsonObject] | None) -> int:
    """In bytes, as JSON; 0 for None. Raises InvalidContent for what PostgreSQL does not take as text."""
    if value is None:
        return 0
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise InvalidContent("Lone surrogates are not text.") from None
    if ESCAPED_NUL.search(encoded):
        raise InvalidContent("NUL is not text.")
    return len(encoded)


def _lock(conversation: Conversation) -> None:
    """One append at a time. A statement of its own, so that the next one sees what the previous holder committed."""
    Conversation.objects.select_for_update(no_key=True).only("id").order_by().get(pk=conversation.pk)


def _same(earlier: list[Message], drafts: Sequence[Draft]) -> list[Message]:
    if [Draft.of(message) for message in earlier] != [*drafts]:
        raise KeyReused
    return earlier


def _rows(
    conversation: Conversation, drafts: Sequence[Draft], key: str, last: Head | None, now: datetime
) -> list[Message]:
    first = last.position + 1 if last else 1
    common = {"conversation": conversation, "idempotency_key": key, "created_at": now}
    return [
        Message(position=first + part, part=part, parts_bytes=_size(draft.parts), **draft._asdict(), **common)
        for part, draft in enumerate(drafts)
    ]


def _append_to_list_on_commit(conversation: Conversation, rows: list[Message], last: Head | None) -> None:
    """A failure must not fail the caller: `recent` replaces a list that lacks these messages."""
    messages = [row.to_recent() for row in rows]
    after_commit(redis_list.append, conversation.pk, messages, last.id if last else None)
