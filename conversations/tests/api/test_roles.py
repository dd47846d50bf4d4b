"""A conversation is its owner's alone: others, staff included, do not even learn that it exists."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from conversations.models import Conversation
from conversations.tests.api.conftest import LIST
from conversations.tests.transcripts import append_turn

pytestmark = pytest.mark.django_db(transaction=True)
PATHS = ("", "messages/", "export/")


@pytest.fixture
def strangers(staff: User, client_of: Callable[[User], APIClient]) -> list[APIClient]:
    return [
        client_of(each) for each in (staff, User.objects.create_superuser("root"), User.objects.create_user("otto"))
    ]


def told(client: APIClient, id: UUID, path: str) -> Any:
    answer = client.get(f"{LIST}{id}/{path}")
    return answer.status_code, answer.content.replace(str(id).encode(), b"ID")


@pytest.mark.parametrize("path", PATHS)
def test_one__somebody_elses__as_if_there_were_none(
    strangers: list[APIClient], conversation: Conversation, path: str
) -> None:
    append_turn(conversation, 1)
    for client in strangers:
        assert told(client, conversation.pk, path) == told(client, uuid4(), path)
        assert told(client, conversation.pk, path)[0] == 404


def test_list__somebody_elses__not_in_it(strangers: list[APIClient], conversation: Conversation) -> None:
    for client in strangers:
        assert client.get(LIST).json()["results"] == []


def test_conversation__as_text__does_not_tell_its_title(conversation: Conversation) -> None:
    """The admin lists what is deleted with a user."""
    conversation.title = "Secret"
    assert str(conversation) == f"conversation {conversation.pk}"
