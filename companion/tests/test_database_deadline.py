"""PostgreSQL does not answer, because a row is locked or the server frozen: each request is given up in time."""

from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from personalities.models import Personality
from tests.database import sql
from tests.waiting import wait_until

if TYPE_CHECKING:
    from conversations.models import Conversation

pytestmark = pytest.mark.django_db(transaction=True)
whole = pytest.mark.apps("preferences", "conversations")
MAX_SECONDS = 4.0  # well below those for which the locks would be waited for
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(autouse=True)
def _hurry(settings: Any) -> Iterator[None]:
    settings.DATABASE_SECONDS, settings.DATABASE_ADMIN_SECONDS = 0.3, 0.6
    started = monotonic()
    yield
    assert monotonic() - started < MAX_SECONDS


@pytest.fixture
def lock() -> Iterator[Callable[[str], Any]]:
    """Executes SQL in another session, whose transaction stays open for up to five seconds, so that no test hangs."""
    with closing(psycopg.connect(**connection.get_connection_params(), autocommit=True)) as other:
        other.execute("SET idle_in_transaction_session_timeout = '5s'")
        yield other.execute


@pytest.fixture
def conversation(staff: User) -> "Conversation":
    from conversations import pinning

    personality = Personality.objects.create(personality_name="elara")
    return pinning.start(staff, personality.to_config())


@pytest.fixture
def api(staff: User, client_of: Callable[[User], APIClient], conversation: "Conversation") -> APIClient:
    """A client of the conversation's owner, who is staff."""
    return client_of(staff)


def assert_unavailable(response: Any) -> None:
    """Also drops the broken connection, as the end of a request would, which Django's test client leaves out."""
    connection.close_if_unusable_or_obsolete()
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response["Content-Type"] == "application/problem+json"


TABLES = "conversations_conversation, conversations_message, personalities_personality, personalities_version"


@whole
@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("get", "conversations/", {}),
        ("get", "conversations/ID/", {}),
        ("get", "conversations/ID/messages/", {}),
        ("get", "conversations/ID/export/", {}),
        ("get", "personalities/", {}),
        ("get", "personalities/elara/versions/", {}),
        ("post", "conversations/ID/messages/", {"content": "Hello."}),
        ("patch", "personalities/elara/", {"greeting": "Changed."}),
        ("put", "preferences/", {"tone": "calm"}),
    ],
)
def test_api__tables_locked__503_in_time(
    api: APIClient, conversation: "Conversation", lock: Callable[[str], Any], verb: str, path: str, body: Any
) -> None:
    lock(f"BEGIN; LOCK {TABLES}, preferences_preferences")
    assert_unavailable(getattr(api, verb)(f"/api/v1/{path}".replace("ID", str(conversation.pk)), body))


@whole
def test_api__row_locked__503_then_nothing_of_it_is_kept_and_the_next_is(
    api: APIClient, conversation: "Conversation", lock: Callable[[str], Any]
) -> None:
    from conversations.models import Message

    messages = f"/api/v1/conversations/{conversation.pk}/messages/"
    lock("BEGIN; SELECT FROM conversations_conversation FOR UPDATE")
    assert_unavailable(api.post(messages, {"content": "Lost."}))
    lock("COMMIT")
    assert api.post(messages, {"content": "Kept."}).status_code == 201
    wait_until(lambda: sql(WAITING) == [(0,)])
    assert list(Message.objects.values_list("content", flat=True)) == ["Kept."]


@whole
def test_api__row_locked_and_tried_again__nobody_is_left_waiting_in_the_server(
    api: APIClient, conversation: "Conversation", lock: Callable[[str], Any]
) -> None:
    """Or retries would pile up until the server accepts no more connections."""
    lock("BEGIN; SELECT FROM conversations_conversation FOR UPDATE")
    assert_unavailable(api.patch(f"/api/v1/conversations/{conversation.pk}/", {"title": "Bridges"}))
    wait_until(lambda: sql(WAITING) == [(0,)], MAX_SECONDS / 2)


def test_session__tables_locked__503_in_time(lock: Callable[[str], Any], staff: User) -> None:
    client = APIClient()
    client.force_login(staff)
    lock("BEGIN; LOCK django_session")
    assert_unavailable(client.get("/api/v1/personalities/"))


@pytest.mark.parametrize("table", ["personalities_personality", "django_session"])
def test_admin__table_locked__a_calm_503(staff: User, lock: Callable[[str], Any], table: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    lock(f"BEGIN; LOCK {table}")
    page = client.get("/admin/personalities/personality/")
    connection.close_if_unusable_or_obsolete()
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert page.content.decode() == "503 Service Unavailable. The database did not answer. Try again in a moment."


def test_admin__a_person_waits__longer(settings: Any, staff: User, lock: Callable[[str], Any]) -> None:
    settings.DATABASE_SECONDS = -1
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    assert client.get("/admin/personalities/personality/").status_code == 200


@whole
def test_api__database_takes_no_writes__503(api: APIClient) -> None:
    sql("SET default_transaction_read_only = on")
    try:
        response = api.patch("/api/v1/preferences/", {"tone": "calm"})
    finally:
        sql("SET default_transaction_read_only = off")
    assert_unavailable(response)
    assert "takes no writes" in response.json()["detail"]
