"""PostgreSQL does not answer: a turn is given up in time, and nothing of it is stored."""

from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic
from typing import Any

import openai
import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection

from conversations import pinning
from conversations.models import Conversation, Message
from personalities.models import Personality

SECONDS = 4.0  # well below the time for which the locks are held


@pytest.fixture
def lock() -> Iterator[Callable[[str], Any]]:
    """Executes SQL in a transaction of another connection, which PostgreSQL ends after 5 s so that nothing hangs."""
    with closing(psycopg.connect(**connection.get_connection_params(), autocommit=True)) as other:
        other.execute("SET idle_in_transaction_session_timeout = '5s'")
        yield other.execute


@pytest.mark.parametrize(
    "how", ["LOCK conversations_conversation", "SELECT FROM conversations_conversation FOR UPDATE"]
)
def test_turn__locked__503_in_time_and_nothing_is_stored(
    talk: openai.OpenAI, settings: Any, lock: Callable[[str], Any], how: str
) -> None:
    """Before the language model is asked, or when its answer is to be stored."""
    settings.DATABASE_SECONDS = 0.3
    owner, elara = User.objects.get(username="ursula"), Personality.objects.get_config("elara")
    conversation, started = pinning.start(owner, elara), monotonic()
    lock(f"BEGIN; {how}")
    with pytest.raises(openai.InternalServerError) as raised:
        talk.chat.completions.create(
            model="elara",
            messages=[{"role": "user", "content": "Hi."}],
            metadata={"conversation": str(conversation.pk)},
        )
    assert (raised.value.status_code, raised.value.code) == (503, "database_unavailable")
    assert monotonic() - started < SECONDS
    lock("COMMIT")
    assert Conversation.objects.count() == 1
    assert not Message.objects.exists()
