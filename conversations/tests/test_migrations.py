"""`manage.py migrate` keeps whoever writes a message waiting for a moment only, however many messages there are."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from psycopg.errors import Diagnostic

from conversations.models import Conversation
from conversations.tests.transcripts import append_turn
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
LOOKS_THROUGH = {f'{verb} table "conversations_message"' for verb in ("verifying", "rewriting")}
NOT_VALID = "SELECT conname FROM pg_constraint WHERE NOT convalidated"


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
