"""Calls of tools, their results, and images are kept as they are, and fill neither Redis nor a page."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import IntegrityError, connection

from conversations import turns
from conversations.models import MAX_BYTES, MAX_PARTS_BYTES, Conversation, Message, Role
from conversations.recent import recent, since_question
from conversations.tests.transcripts import CALLS, TEXT, USED, list_items, list_key, shown
from conversations.turns import Draft, InvalidContent, KeyReused

pytestmark = pytest.mark.django_db(transaction=True)


def test_append__calls_results_and_parts__kept_as_they_are(conversation: Conversation, redis: Any) -> None:
    drafts = [*USED, shown()]
    turns.append(conversation, drafts)
    assert [Draft.of(message) for message in conversation.messages.order_by("position")] == drafts
    from_redis = recent(conversation)
    assert len(list_items(redis, conversation)) == 4
    redis.delete(list_key(conversation))
    assert recent(conversation) == from_redis
    told = [(message.role, message.content, message.tool_calls, message.tool_call_id) for message in from_redis]
    assert told == [draft[:4] for draft in drafts]
    assert [message.parts for message in from_redis] == [draft.parts for draft in drafts]


def test_append__the_same_under_its_key__once_and_other_calls_refused(conversation: Conversation) -> None:
    turns.append(conversation, [*USED, shown()], "a")
    assert turns.append(conversation, [*USED, shown()], "a").repeated
    others = [[*USED, shown(31)], [*USED[:2], Draft(Role.TOOL, "Yes.", None, "call_2"), shown()],
              [USED[0], Draft(Role.ASSISTANT, ""), USED[2], shown()]]  # fmt: skip
    for other in others:
        with pytest.raises(KeyReused):
            turns.append(conversation, other, "a")
    assert conversation.messages.count() == 4


@pytest.mark.parametrize(
    "draft",
    [
        Draft(Role.ASSISTANT, "x" * (MAX_BYTES - 90), CALLS),
        Draft(Role.ASSISTANT, "", [{"id": "\0"}]),
        Draft(Role.ASSISTANT, "", [{"id": "\ud800"}]),
        Draft(Role.TOOL, "x", None, "x" * MAX_BYTES),
        Draft(Role.TOOL, "", None, "\0"),
        shown(MAX_PARTS_BYTES),
    ],
)
def test_append__too_long_or_no_text__refused(conversation: Conversation, draft: Draft) -> None:
    with pytest.raises(InvalidContent):
        turns.append(conversation, [draft])
    assert not conversation.messages.exists()


def test_append__parts_at_the_bound__stored(conversation: Conversation) -> None:
    frame = len(msgspec.json.encode(shown(0).parts))
    draft = shown(MAX_PARTS_BYTES - frame)
    turns.append(conversation, [draft])
    assert conversation.messages.get().parts_bytes == MAX_PARTS_BYTES
    with pytest.raises(InvalidContent):
        turns.append(conversation, [shown(MAX_PARTS_BYTES - frame + 1)])


def test_append__backslashes_that_only_look_like_nul__kept(conversation: Conversation) -> None:
    calls = [{"id": "\\u0000", "type": "function", "function": {"name": "f", "arguments": "\\\\u0000"}}]
    turns.append(conversation, [Draft(Role.ASSISTANT, "", calls)])
    assert conversation.messages.get().tool_calls == calls


def test_recent__large_images__not_in_redis_and_the_newest_up_to_the_bound(
    conversation: Conversation, redis: Any
) -> None:
    size = MAX_PARTS_BYTES // 3 - 200
    turns.append(conversation, [shown(size + number) for number in range(5)])
    assert sum(map(len, list_items(redis, conversation))) < 2000
    kept = [shown(size + number).parts for number in (2, 3, 4)]
    for _ in range(2):
        found = recent(conversation)
        assert [message.has_parts for message in found] == [True] * 5
        assert [message.parts for message in found] == [None, None, *kept]
        redis.delete(list_key(conversation))


def test_recent__no_parts__asks_for_none(conversation: Conversation, django_assert_num_queries: Any) -> None:
    turns.append(conversation, USED)
    with django_assert_num_queries(1):
        recent(conversation)
    turns.append(conversation, [shown()])
    with django_assert_num_queries(2):
        recent(conversation)


class ItemBefore(msgspec.Struct, forbid_unknown_fields=True):
    """An item of the list as the release before reads and writes it."""

    id: UUID
    position: int
    role: str
    content: str
    created_at: datetime


def as_the_release_before(conversation: Conversation, redis: Any) -> None:
    """Replaces the list, which that release cannot read."""
    for item in list_items(redis, conversation):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(item, type=ItemBefore)
    fields = [field.name for field in msgspec.structs.fields(ItemBefore)]
    rows = conversation.messages.order_by("position").values(*fields)
    redis.delete(list_key(conversation))
    redis.rpush(list_key(conversation), *[msgspec.json.encode(ItemBefore(**row)) for row in rows])


@pytest.mark.parametrize("more", [[], [Draft(Role.ASSISTANT, "A wet town.")]])
def test_recent__list_of_the_release_before__calls_results_and_parts_are_there(
    conversation: Conversation, redis: Any, more: list[Draft]
) -> None:
    """Its workers serve on until they are restarted. One of this release may have continued what they wrote."""
    turns.append(conversation, [*USED, shown()])
    as_the_release_before(conversation, redis)
    for draft in more:
        turns.append(conversation, [draft])
    found, items = recent(conversation), list_items(redis, conversation)
    redis.delete(list_key(conversation))
    assert (recent(conversation), list_items(redis, conversation)) == (found, items)
    assert found[1].tool_calls == CALLS


def test_message__written_by_the_release_before__stored(conversation: Conversation) -> None:
    """It knows nothing of the new columns, and serves on while `migrate` has been run already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO conversations_message (id, conversation_id, position, role, content, idempotency_key, part,"
            " created_at) VALUES (gen_random_uuid(), %s, 1, 'user', 'Hello.', '', 0, now())", [conversation.pk]
        )  # fmt: skip
    assert Draft.of(conversation.messages.get()) == Draft(Role.USER, "Hello.")
    assert recent(conversation)[0].content == "Hello."


@pytest.mark.parametrize("size", [0, MAX_PARTS_BYTES + 1])
def test_message__parts_without_their_size__postgresql_refuses(conversation: Conversation, size: int) -> None:
    (message,) = turns.append(conversation, [Draft(Role.USER, "One.")]).messages
    with pytest.raises(IntegrityError, match="message_parts_bounded"):
        Message.objects.create(
            conversation=conversation, position=2, role=Role.USER, parts=[TEXT], parts_bytes=size,
            created_at=message.created_at,
        )  # fmt: skip


@pytest.mark.parametrize(("more", "expected"), [("", 41), ("x", 20)])
def test_since_question__as_much_text_as_twenty_messages_have__and_no_more(
    conversation: Conversation, more: str, expected: int
) -> None:
    long = [Draft(Role.ASSISTANT, "x" * MAX_BYTES)] * 20
    turns.append(conversation, [Draft(Role.USER, more), *long, *[Draft(Role.ASSISTANT, "Hm.")] * 20])
    assert len(since_question(conversation, recent(conversation))) == expected


def test_since_question__it_showed_an_image__with_it(conversation: Conversation) -> None:
    turns.append(conversation, [shown(), *[Draft(Role.ASSISTANT, "Hm.")] * 30])
    messages = since_question(conversation, recent(conversation))
    assert [len(messages), messages[0].parts] == [31, shown().parts]
