"""Who may do what: the owner everything, nobody else anything, staff included, who are not told what there is."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from conversations.models import Conversation, Message
from conversations.tests.api.conftest import LIST
from conversations.tests.talk import turn

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS: dict[tuple[str, str], tuple[Any, int]] = {
    ("get", ""): (None, 200),
    ("patch", ""): ({"title": "Bridges"}, 200),
    ("post", "upgrade/"): (None, 200),
    ("get", "messages/"): (None, 200),
    ("post", "messages/"): ({"content": "Hello."}, 201),
    ("get", "export/"): (None, 200),
    ("delete", ""): (None, 204),
}
Strangers = dict[str, APIClient]


@pytest.fixture
def strangers(staff: User, client_of: Callable[[User], APIClient]) -> Strangers:
    root = User.objects.create_superuser("root")
    other = User.objects.create_user("olga")
    return {"staff": client_of(staff), "superuser": client_of(root), "another user": client_of(other)}


def ask(client: APIClient, request: tuple[str, str], address: str) -> Any:
    verb, path = request
    return getattr(client, verb)(address + path, REQUESTS[request][0])


@pytest.mark.parametrize("request_", REQUESTS)
def test_one__its_owner__may(owner: APIClient, address: str, request_: tuple[str, str]) -> None:
    assert ask(owner, request_, address).status_code == REQUESTS[request_][1]


@pytest.mark.parametrize("who", ["staff", "superuser", "another user"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_one__somebody_else__as_if_there_were_none(
    strangers: Strangers, conversation: Conversation, address: str, request_: tuple[str, str], who: str
) -> None:
    turn(conversation, 1)
    answer, nobodys = (ask(strangers[who], request_, each) for each in (address, f"{LIST}{uuid4()}/"))
    assert (answer.status_code, list(answer.json()["errors"])) == (404, ["id"])
    assert answer.content.replace(str(conversation.pk).encode(), b"") == nobodys.content.replace(
        nobodys.wsgi_request.path.split("/")[4].encode(), b""
    )
    assert (Conversation.objects.get().title, Message.objects.count()) == ("", 2)


@pytest.mark.parametrize("request_", REQUESTS)
def test_one__nobody__401(address: str, request_: tuple[str, str]) -> None:
    assert ask(APIClient(), request_, address).status_code == 401
    assert Conversation.objects.get().title == ""


@pytest.mark.parametrize("who", ["staff", "superuser", "another user"])
def test_list__somebody_else__not_in_it(strangers: Strangers, conversation: Conversation, who: str) -> None:
    assert strangers[who].get(LIST).json()["results"] == []


def test_list__nobody__401(conversation: Conversation) -> None:
    assert APIClient().get(LIST).status_code == APIClient().post(LIST, {"personality": "elara"}).status_code == 401


def test_conversation__by_name_of_it__does_not_tell_its_title(conversation: Conversation) -> None:
    """The admin lists what goes with a user."""
    conversation.title = "Secret"
    assert str(conversation) == f"conversation {conversation.pk}"
