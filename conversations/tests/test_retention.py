"""Conversations are deleted as the documentation says, and nothing of them stays."""

import re

import pytest

from conversations import pinning
from conversations.models import Conversation, DeletedResponse, EarlierPrompt, Message, Prompt
from conversations.tests.transcripts import append_turns
from personalities.models import Personality
from tests.database import sql
from tooling.environment import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = "UPDATE conversations_conversation SET updated_at = now() - interval '2 years' WHERE id = %s"


def documented() -> list[str]:
    """The statements of the block."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sql\n(BEGIN;.*?)```", text, re.DOTALL)
    return [line for line in block.splitlines() if line]


def test_sql_of_the_documentation__old_and_new_ones__the_old_ones_are_gone_whole(
    conversation: Conversation, elara: Personality
) -> None:
    other = pinning.start(conversation.owner, elara.to_config())
    Personality.objects.update(backstory="Other.")
    pinning.upgrade(conversation)
    for each in (conversation, other):
        append_turns(each, 1, 2)
        DeletedResponse.objects.create(message_id=each.messages.earliest("position").pk, conversation=each)
    sql(LONG_AGO, conversation.pk)
    for statement in documented():
        sql(statement)
    assert [row.pk for row in Conversation.objects.all()] == [other.pk]
    assert Message.objects.count() == other.messages.count() == 4
    assert not EarlierPrompt.objects.exists()
    assert DeletedResponse.objects.get().conversation_id == other.pk
    assert [row.pk for row in Prompt.objects.all()] == [other.prompt_id]
