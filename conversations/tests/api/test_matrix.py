"""Who may do what: every role with every method at every address, each status spelled out."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import get_resolver
from rest_framework.test import APIClient

from conversations.models import Conversation, Message
from conversations.tests.transcripts import append_turn

pytestmark = pytest.mark.django_db
BODIES: dict[str, Any] = {  # else a title
    "conversations": {"personality": "elara"},
    "messages": {"content": "Hello."},
    "upgrade": {},
}
VERBS = ("get", "head", "post", "put", "patch", "delete", "options")

# The conversation is the user's. The session is that of staff; without a CSRF token the user's own only reads.
TABLE = """
conversations/              user other staff session   200 200 201 405 405 405 200
conversations/              tokenless                  200 200 403 403 403 403 200
conversations/ID/           user                       200 200 405 405 200 204 200
conversations/ID/           other staff session        404 404 405 405 404 404 200
conversations/ID/           tokenless                  200 200 403 403 403 403 200
conversations/ID/upgrade/   user                       405 405 200 405 405 405 200
conversations/ID/upgrade/   other staff session        405 405 404 405 405 405 200
conversations/ID/upgrade/   tokenless                  405 405 403 403 403 403 200
conversations/ID/messages/  user                       200 200 201 405 405 405 200
conversations/ID/messages/  other staff session        404 404 404 405 405 405 200
conversations/ID/messages/  tokenless                  200 200 403 403 403 403 200
conversations/ID/export/    user                       200 200 405 405 405 405 200
conversations/ID/export/    other staff session        404 404 405 405 405 405 200
conversations/ID/export/    tokenless                  200 200 403 403 403 403 200
"""
LINES = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [(line[0], role, tuple(map(int, line[-len(VERBS) :]))) for line in LINES for role in line[1 : -len(VERBS)]]
ROUTES = list(dict.fromkeys(route for route, _, _ in CELLS))
ROLES = ("user", "other", "staff", "session", "tokenless")


@pytest.fixture
def clients(user: User, staff: User, client_of: Callable[[User], APIClient]) -> dict[str, APIClient]:
    """By role."""
    session, tokenless = APIClient(), APIClient(enforce_csrf_checks=True)
    session.force_login(staff)
    tokenless.force_login(user)
    by_key = {"user": client_of(user), "other": client_of(User.objects.create_user("otto")), "staff": client_of(staff)}
    return {**by_key, "session": session, "tokenless": tokenless, "anonymous": APIClient()}


def rows() -> list[Any]:
    return [*Conversation.objects.values(), *Message.objects.values()]


def answer(client: APIClient, path: str, verb: str) -> int:
    """The status. What was written is rolled back; nothing may be written if the request was refused."""
    before, body = rows(), BODIES.get(path.split("/")[-2], {"title": "Bridges"})
    given: dict[str, Any] = {} if verb in {"get", "head"} else {"data": body, "headers": {"If-Match": "*"}}
    with transaction.atomic():
        status = int(getattr(client, verb)(path, **given).status_code)
        assert status < 400 or rows() == before, (path, verb)
        transaction.set_rollback(True)
    return status


def answers(client: APIClient, route: str, conversation: Conversation) -> dict[str, int]:
    path = f"/api/v1/{route}".replace("ID", str(conversation.pk))
    return {verb: answer(client, path, verb) for verb in VERBS}


def test_table__every_address_and_every_role__stands_in_it() -> None:
    patterns = get_resolver("conversations.api.urls").url_patterns
    assert {str(pattern.pattern).replace("<uuid:id>", "ID") for pattern in patterns} == set(ROUTES)
    assert sorted(cell[:2] for cell in CELLS) == sorted((route, role) for route in ROUTES for role in ROLES)


@pytest.mark.parametrize(("route", "role", "expected"), CELLS)
def test_api__role__as_the_table_says(
    clients: dict[str, APIClient], conversation: Conversation, route: str, role: str, expected: tuple[int, ...]
) -> None:
    append_turn(conversation, 1)
    assert answers(clients[role], route, conversation) == dict(zip(VERBS, expected, strict=True))


@pytest.mark.parametrize("route", ROUTES)
def test_api__no_key__401_for_everything(clients: dict[str, APIClient], conversation: Conversation, route: str) -> None:
    assert set(answers(clients["anonymous"], route, conversation).values()) == {401}
