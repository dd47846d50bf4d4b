"""Conversations over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from conversations import pinning, turns
from conversations.api.messages import EXPORT_BYTES
from conversations.models import MAX_BYTES, Conversation, Message, Prompt, Role
from conversations.pinning import config_of
from conversations.tests.api.conftest import LIST
from conversations.tests.transcripts import append_turn, append_turns, texts_of_turns
from conversations.turns import Draft
from personalities.models import Personality
from personalities.prompt import common_prefix
from rest.streaming import Interrupted
from tests.database import sql

MANY = """
INSERT INTO conversations_message (id, conversation_id, position, role, content, idempotency_key, part, created_at)
SELECT gen_random_uuid(), %s, position, 'user', 'Hello.', '', 0, now() FROM generate_series(1, 50000) position
"""
pytestmark = pytest.mark.django_db(transaction=True)


def test_create__by_name_in_any_spelling__pinned_to_what_is_served(owner: APIClient, elara: Personality) -> None:
    made = owner.post(LIST, {"personality": "ELARA ", "title": "Bridges"})
    assert made.status_code == 201
    assert made.json() == owner.get(made["Location"]).json()
    assert {**made.json(), "id": None, "created_at": None, "updated_at": None} == {
        "id": None, "personality": "elara", "personality_version": 1, "title": "Bridges",
        "prompt_sha256": common_prefix(elara.to_config()).sha256, "created_at": None, "updated_at": None,
    }  # fmt: skip
    assert config_of(Conversation.objects.get()) == elara.to_config()


def test_create__own_one_of_the_name__with_that(owner: APIClient, user: User, elara: Personality) -> None:
    own = Personality.objects.create(personality_name="elara", owner=user)
    owner.post(LIST, {"personality": "elara"})
    assert Conversation.objects.get().personality_id == own.pk


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "personality"),
        ({"personality": None}, "personality"),
        ({"personality": 5}, "personality"),
        ({"personality": "el ara"}, "personality"),
        ({"personality": "elara", "title": "x" * 201}, "title"),
        ({"personality": "elara", "title": 5}, "title"),
        ({"personality": "elara", "greeting": 1}, "greeting"),
        ({"personality": "elara", "greeting": None}, "greeting"),
        ({"personality": "elara", "prompt_sha256": "0"}, "prompt_sha256"),
        ({"personality": "elara", "owner": 1}, "owner"),
        ({"personality": "elara", "personality_version": 7}, "personality_version"),
        ({"personality": "elara", "id": "85c872cd-68db-42d5-9164-a78a7f51a611"}, "id"),
        ([], "body"),
    ],
)
def test_create__bad_input__400_names_the_field(owner: APIClient, elara: Personality, body: Any, field: str) -> None:
    answer = owner.post(LIST, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("name", ["nobody", "asleep", "stellas"])
def test_create__no_such_personality_for_the_caller__404_names_the_field(
    owner: APIClient, staff: User, name: str
) -> None:
    Personality.objects.create(personality_name="asleep", is_active=False)
    Personality.objects.create(personality_name="stellas", owner=staff)
    answer = owner.post(LIST, {"personality": name})
    assert (answer.status_code, list(answer.json()["errors"])) == (404, ["personality"])
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("end", ["DELETE FROM auth_user", "UPDATE auth_user SET is_active = false"])
def test_create__user_deleted_since_authentication__401(user: User, elara: Personality, end: str) -> None:
    client = APIClient()
    client.force_authenticate(user)
    sql(end)
    answer = client.post(LIST, {"personality": "elara"})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="companion"')
    assert not Conversation.objects.exists()


def test_list__several__the_last_used_first(owner: APIClient, elara: Personality) -> None:
    for title in "abc":
        owner.post(LIST, {"personality": "elara", "title": title})
    append_turn(Conversation.objects.get(title="a"), 1)
    found = owner.get(LIST).json()
    assert [each["title"] for each in found["results"]] == ["a", "c", "b"]
    assert found["results"][0] == owner.get(f"{LIST}{found['results'][0]['id']}/").json()
    assert [each["title"] for each in owner.get(f"{LIST}?page_size=2&page=2").json()["results"]] == ["b"]


def test_list__misspelt_parameter__400(owner: APIClient) -> None:
    assert list(owner.get(f"{LIST}?pag=2").json()["errors"]) == ["pag"]


def test_list__however_many__two_queries(owner: APIClient, elara: Personality, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        owner.post(LIST, {"personality": "elara"})
    with django_assert_num_queries(2):  # count, page
        owner.get(LIST)


@pytest.mark.parametrize(
    ("title", "shown"), [("Bridges", "Bridges"), ("", None), (None, None), (" {{7*7}} ", " {{7*7}} ")]
)
def test_rename__title_or_none__stored(owner: APIClient, address: str, title: Any, shown: Any) -> None:
    owner.patch(address, {"title": "before"})
    answer = owner.patch(address, {"title": title})
    assert (answer.status_code, answer.json()["title"]) == (200, shown)
    read = owner.get(address)
    assert (read.content, read["ETag"]) == (answer.content, answer["ETag"])


def test_rename__whole_body_as_it_was_read__accepted(owner: APIClient, address: str) -> None:
    assert owner.patch(address, owner.get(address).json() | {"title": "Bridges"}).status_code == 200


def test_rename__nothing_new__same_etag(owner: APIClient, address: str) -> None:
    before = owner.get(address)["ETag"]
    for body in ({}, {"title": None}):
        assert owner.patch(address, body)["ETag"] == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": 5}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"personality": "vega"}, "personality"),
        ({"personality_version": 2}, "personality_version"),
        ({"owner": 1}, "owner"),
        ({"greeting": False}, "greeting"),
        ({"prompt_sha256": None}, "prompt_sha256"),
        ({"messages": []}, "messages"),
    ],
)
def test_rename__bad_input__400_names_the_field(owner: APIClient, address: str, body: Any, field: str) -> None:
    before = owner.get(address).content
    answer = owner.patch(address, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert owner.get(address).content == before


def test_detail__unchanged__304(owner: APIClient, address: str, conversation: Conversation) -> None:
    seen = owner.get(address)["ETag"]
    assert owner.get(address, headers={"If-None-Match": seen}).status_code == 304
    append_turn(conversation, 1)
    assert owner.get(address, headers={"If-None-Match": seen}).status_code == 200


@pytest.mark.parametrize(("verb", "path"), [("patch", ""), ("delete", ""), ("post", "upgrade/")])
def test_write__changed_meanwhile__412_with_what_there_is_now(
    owner: APIClient, address: str, conversation: Conversation, verb: str, path: str
) -> None:
    seen = owner.get(address)["ETag"]
    append_turn(conversation, 1)
    now = owner.get(address)
    answer = getattr(owner, verb)(address + path, {}, headers={"If-Match": seen})
    assert (answer.status_code, answer["ETag"], answer.json()["current"]) == (412, now["ETag"], now.json())
    assert list(answer.json()["errors"]) == ["If-Match"]
    assert owner.get(address).content == now.content
    assert getattr(owner, verb)(address + path, {}, headers={"If-Match": now["ETag"]}).status_code in (200, 204)


def test_delete__with_messages__all_gone(owner: APIClient, address: str, conversation: Conversation) -> None:
    append_turns(conversation, 1, 3)
    assert owner.delete(address).status_code == 204
    assert owner.get(address).status_code == 404
    assert not Message.objects.exists()


def test_delete__tens_of_thousands_of_messages__before_the_database_is_given_up(
    owner: APIClient, address: str, conversation: Conversation
) -> None:
    sql(MANY, str(conversation.pk))
    assert owner.delete(address).status_code == 204
    assert not Message.objects.exists()


def test_upgrade__personality_edited__the_new_version(owner: APIClient, address: str) -> None:
    Personality.objects.update(greeting="Changed.")
    assert owner.get(address).json()["personality_version"] == 1
    answer = owner.post(f"{address}upgrade/")
    assert (answer.status_code, answer.json()["personality_version"]) == (200, 2)
    assert owner.get(address).content == answer.content


def test_upgrade__personality_gone__409_names_it(owner: APIClient, address: str) -> None:
    Personality.objects.all().delete()
    answer = owner.post(f"{address}upgrade/")
    assert (answer.status_code, list(answer.json()["errors"])) == (409, ["personality"])
    assert owner.get(address).json()["personality_version"] == 1


@pytest.mark.parametrize("batch", [500, 3, 4])
def test_export__messages__all_in_order_as_they_are_read(
    owner: APIClient, address: str, conversation: Conversation, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversations.api.messages.EXPORT_BATCH", batch)
    append_turns(conversation, 1, 6)
    answer = owner.get(f"{address}export/")
    exported = json.loads(answer.getvalue())
    assert exported == {
        "conversation": owner.get(address).json(),
        "messages": owner.get(f"{address}messages/").json()["results"],
        "prompts": {prompt.sha256: prompt.text for prompt in Prompt.objects.all()},
    }
    assert [message["content"] for message in exported["messages"]] == texts_of_turns(1, 6)
    assert answer["Content-Disposition"] == f'attachment; filename="conversation-{conversation.pk}.json"'


def test_export__deleted_meanwhile__broken_off(
    owner: APIClient, address: str, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversations.api.messages.EXPORT_BATCH", 2)
    append_turns(conversation, 1, 3)
    answer = owner.get(f"{address}export/")
    batches = iter(answer)
    assert [b"question 1" in next(batches) for _ in range(2)] == [False, True]
    Conversation.objects.all().delete()
    with pytest.raises(Interrupted):
        next(batches)


def test_export__a_third_at_a_time__429_until_one_has_ended(owner: APIClient, address: str) -> None:
    answers = [owner.get(f"{address}export/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2]["Retry-After"], answers[2].json()["status"]) == ("5", 429)
    assert owner.get(f"{address}messages/").status_code == 200
    answers[0].close()
    assert owner.get(f"{address}export/").status_code == 200


def test_export__of_another_user__not_counted(
    owner: APIClient, address: str, client_of: Callable[[User], APIClient], elara: Personality
) -> None:
    other = User.objects.create_user("other")
    theirs = pinning.start(other, elara.to_config())
    answers = [owner.get(f"{address}export/") for _ in range(2)]
    assert client_of(other).get(f"{LIST}{theirs.pk}/export/").status_code == 200
    assert {answer.status_code for answer in answers} == {200}


def test_export__long_messages__a_batch_is_bounded(owner: APIClient, address: str, conversation: Conversation) -> None:
    turns.append(conversation, [Draft(Role.USER, "\x01" * MAX_BYTES)] * 9)
    batches = list(owner.get(f"{address}export/"))
    assert max(map(len, batches)) < 6 * EXPORT_BYTES + 2000
    assert len(json.loads(b"".join(batches))["messages"]) == 9


def test_export__no_messages__empty(owner: APIClient, address: str) -> None:
    exported = json.loads(owner.get(f"{address}export/").getvalue())
    assert (exported["messages"], len(exported["prompts"])) == ([], 1)


@pytest.mark.parametrize("id", ["1", "x", "85c872cd", "85c872cd-68db-42d5-9164-a78a7f51a61", "%00", "..%2f"])
def test_address__no_id__404(owner: APIClient, id: str) -> None:
    assert owner.get(f"{LIST}{id}/").status_code == 404


def test_role__system__shown(owner: APIClient, address: str, conversation: Conversation) -> None:
    turns.append(conversation, [turns.Draft(Role.SYSTEM, "Summary.")])
    assert owner.get(f"{address}messages/").json()["results"][0]["role"] == "system"
