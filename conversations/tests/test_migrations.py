"""`manage.py migrate` keeps whoever writes a message waiting for a moment only, however many messages there are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from psycopg.errors import Diagnostic

from conversations import pinning
from conversations.models import Conversation, DeletedResponse, EarlierPrompt, Message, Prompt
from conversations.tests.transcripts import append_turn
from personalities.models import Personality
from tests.database import sql
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
LOOKS_THROUGH = {f'{verb} table "conversations_message"' for verb in ("verifying", "rewriting")}
# Those that refuse what could not be read never are: no row must stop an upgrade.
NOT_VALID = """SELECT conname FROM pg_constraint WHERE NOT convalidated AND conname NOT LIKE '%readable'
AND starts_with(conrelid::regclass::text, 'conversations_')"""
SLEEPS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


@pytest.fixture
def _before_tools(conversation: Conversation) -> Iterator[None]:
    append_turn(conversation, 1)
    call_command("migrate", "conversations", "0003", verbosity=0)
    yield
    call_command("migrate", verbosity=0)


@pytest.fixture
def told(_before_tools: None) -> Iterator[set[str | None]]:
    """What PostgreSQL tells of its work."""
    found: set[str | None] = set()

    def note(diagnostic: Diagnostic) -> None:
        found.add(diagnostic.message_primary)  # now, for it is gone afterwards

    sql("SET client_min_messages = debug1")
    connection.connection.add_notice_handler(note)
    yield found
    connection.connection.remove_notice_handler(note)
    sql("RESET client_min_messages")


def test_migrate__messages_of_before__looked_through_by_what_validates_alone(told: set[str | None]) -> None:
    """To validate is what stops no writer. Any other statement that does it has them locked."""
    call_command("migrate", "conversations", "0007", verbosity=0)
    assert any("implicit index" in str(text) for text in told)  # of tables that are new: it does tell
    assert not told & LOOKS_THROUGH
    call_command("migrate", "conversations", "0008", verbosity=0)
    assert sql(NOT_VALID) == []
    told.clear()
    call_command("migrate", verbosity=0)
    assert not told & LOOKS_THROUGH
    assert sql(NOT_VALID) == []


@pytest.fixture
def upgraded(conversation: Conversation) -> Conversation:
    """One with rows in the tables that the release before does not know."""
    append_turn(conversation, 1)
    DeletedResponse.objects.create(message_id=conversation.messages.latest("position").pk, conversation=conversation)
    Personality.objects.update(backstory="Other.")
    pinning.upgrade(conversation)
    assert EarlierPrompt.objects.count() == 1
    return conversation


@transaction.atomic
def delete_as_before(conversation: Conversation) -> None:
    """As the release before deletes it."""
    sql("DELETE FROM conversations_message WHERE conversation_id = %s", conversation.pk)
    sql("DELETE FROM conversations_conversation WHERE id = %s", conversation.pk)


def test_delete__by_a_worker_of_the_release_before__whole(upgraded: Conversation) -> None:
    delete_as_before(upgraded)
    assert [Message.objects.count(), EarlierPrompt.objects.count(), DeletedResponse.objects.count()] == [0, 0, 0]
    assert not Prompt.objects.exists()


def test_migrate__back_and_forth__rows_go_with_their_conversation_since_then(upgraded: Conversation) -> None:
    call_command("migrate", "conversations", "0009", verbosity=0)
    with pytest.raises(IntegrityError):
        delete_as_before(upgraded)
    call_command("migrate", verbosity=0)
    assert sql(NOT_VALID) == []
    delete_as_before(upgraded)
    assert not EarlierPrompt.objects.exists()


def migrate() -> None:
    """In a thread, which has a connection of its own."""
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()


def test_migrate__a_conversation_is_in_use__waits_and_stops_nobody(upgraded: Conversation) -> None:
    call_command("migrate", "conversations", "0009", verbosity=0)
    with ThreadPoolExecutor(1) as thread, psycopg.connect(**connection.get_connection_params()) as reader:
        reader.execute("SELECT FROM conversations_conversation")
        migrated = thread.submit(migrate)
        wait_until(lambda: sql(SLEEPS))
        sql("SET lock_timeout = '1s'")
        sql("UPDATE conversations_conversation SET title = 'Bridges'")
        sql("RESET lock_timeout")
        assert not migrated.done()
        reader.rollback()
        migrated.result()
    delete_as_before(upgraded)
