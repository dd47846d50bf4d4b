"""Times that PostgreSQL has and Python lacks are refused: a message with one could be neither read nor changed."""

import pytest
from django.db import IntegrityError

from conversations.models import Conversation, Message
from conversations.tests.transcripts import append_turn
from tests.database import sql

pytestmark = pytest.mark.django_db
TABLE = "conversations_message"
UNREADABLE = pytest.mark.parametrize("time", ["infinity", "-infinity", "10000-01-01Z", "0044-03-15 BC"])


@UNREADABLE
@pytest.mark.parametrize("column", ["created_at", "updated_at"])
def test_conversation__a_time_that_cannot_be_read__refused(conversation: Conversation, column: str, time: str) -> None:
    with pytest.raises(IntegrityError, match="conversation_times_readable"):
        sql(f"UPDATE conversations_conversation SET {column} = %s", time)


@UNREADABLE
def test_message__a_time_that_cannot_be_read__refused(conversation: Conversation, time: str) -> None:
    append_turn(conversation, 1)
    columns = [str(field.column) for field in Message._meta.concrete_fields]
    changed = {"id": "gen_random_uuid()", "position": "position + 100", "created_at": f"'{time}'"}
    values = ", ".join(changed.get(column, column) for column in columns)
    with pytest.raises(IntegrityError, match="message_time_readable"):
        sql(f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {values} FROM {TABLE}")


@pytest.mark.parametrize("time", ["0001-01-01Z", "9999-12-31 23:59:59Z"])
def test_conversation__the_first_and_the_last_time__read(conversation: Conversation, time: str) -> None:
    sql("UPDATE conversations_conversation SET created_at = %s", time)
    assert str(Conversation.objects.get().created_at.year) == time[:4].lstrip("0")
