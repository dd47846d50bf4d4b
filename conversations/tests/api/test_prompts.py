"""What the owner of a conversation sees of its prompts, and of the greeting with which it begins."""

import hashlib
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from conversations import pinning, prompts, turns
from conversations.models import Conversation, Prompt, Role
from conversations.tests.api.conftest import LIST
from conversations.turns import Draft
from personalities.models import Personality
from personalities.prompt import Wishes, common_prefix
from preferences.models import Preferences
from rest.streaming import Interrupted

pytestmark = pytest.mark.django_db(transaction=True)


def answer(conversation: Conversation) -> None:
    said = Draft(Role.ASSISTANT, "Hello.", prompt_sha256=conversation.prompt_id or "")
    turns.append(conversation, [Draft(Role.USER, "Hi."), said])


@pytest.fixture
def upgraded(conversation: Conversation) -> Conversation:
    """Answered once, upgraded, and answered once more."""
    answer(conversation)
    Personality.objects.update(backstory="Other.")
    pinning.upgrade(conversation)
    answer(conversation)
    return conversation


def messages(client: APIClient, address: str) -> list[tuple[str, str]]:
    found = client.get(f"{address}messages/").json()["results"]
    return [(message["role"], message["content"]) for message in found]


def test_create__personality_with_a_greeting__its_first_message(
    owner: APIClient, user: User, elara: Personality
) -> None:
    Personality.objects.update(greeting="Hello, {{user}}, I am <BOT>.")
    Preferences.objects.replace(user, Wishes(call_me="Sam"))
    made = owner.post(LIST, {"personality": "elara"})
    assert made.json() == owner.get(made["Location"]).json()
    assert made["ETag"] == owner.get(made["Location"])["ETag"]
    assert messages(owner, made["Location"]) == [("assistant", "Hello, Sam, I am Elara.")]


@pytest.mark.parametrize(("greeting", "body"), [("Hello.", {"greeting": False}), ("", {}), (" \n", {"greeting": True})])
def test_create__without_a_greeting__empty(
    owner: APIClient, elara: Personality, greeting: str, body: dict[str, Any]
) -> None:
    Personality.objects.update(greeting=greeting)
    made = owner.post(LIST, {"personality": "elara", **body})
    assert (made.status_code, "greeting" in made.json()) == (201, False)
    assert messages(owner, made["Location"]) == []


def test_greeting__said_once__stays_as_it_was_said(owner: APIClient, user: User, elara: Personality) -> None:
    Personality.objects.update(greeting="Hello, {{user}}!")
    made = owner.post(LIST, {"personality": "elara"})
    Preferences.objects.replace(user, Wishes(call_me="Sam"))
    Personality.objects.update(greeting="Changed.")
    owner.post(f"{made['Location']}upgrade/")
    assert messages(owner, made["Location"]) == [("assistant", "Hello, you!")]


def test_messages__answers__name_the_prompt_they_were_given_with(
    owner: APIClient, address: str, upgraded: Conversation
) -> None:
    found = owner.get(f"{address}messages/").json()["results"]
    hashes = [message["prompt_sha256"] for message in found]
    assert hashes == [None, pinning.prompts_of(upgraded)[0], None, upgraded.prompt_id]


def test_messages__added_over_rest__no_prompt(owner: APIClient, address: str) -> None:
    added = owner.post(f"{address}messages/", {"content": "Hello.", "role": "assistant"})
    assert added.json()["prompt_sha256"] is None
    refused = owner.post(f"{address}messages/", {"content": "Hello.", "prompt_sha256": "0" * 64})
    assert list(refused.json()["errors"]) == ["prompt_sha256"]


def test_export__upgraded__each_prompt_that_a_message_names_by_its_hash(
    owner: APIClient, address: str, upgraded: Conversation
) -> None:
    exported = json.loads(owner.get(f"{address}export/").getvalue())
    texts = exported["prompts"]
    assert {message["prompt_sha256"] for message in exported["messages"]} - {None} == set(texts)
    assert {hashlib.sha256(text.encode()).hexdigest() for text in texts.values()} == set(texts)
    assert exported["conversation"]["prompt_sha256"] in texts


def test_export__deleted_before_its_prompts_were_read__broken_off(
    owner: APIClient, address: str, conversation: Conversation
) -> None:
    batches = iter(owner.get(f"{address}export/"))
    next(batches)
    Conversation.objects.all().delete()
    prompts.load.cache_clear()
    with pytest.raises(Interrupted):
        list(batches)


def test_export__made_by_an_older_release__no_prompts_yet(owner: APIClient, address: str) -> None:
    Conversation.objects.update(prompt=None)
    exported = json.loads(owner.get(f"{address}export/").getvalue())
    assert (exported["conversation"]["prompt_sha256"], exported["prompts"]) == (None, {})


def test_upgrade__dry_run__both_prompts_and_their_difference_and_nothing_changed(
    owner: APIClient, address: str, conversation: Conversation
) -> None:
    Personality.objects.update(backstory="Other.")
    before, new = owner.get(address), common_prefix(Personality.objects.get().to_config()).sha256
    shown = owner.post(f"{address}upgrade/?dry_run=true").json()
    assert shown["before"] == {"personality_version": 1, "prompt_sha256": before.json()["prompt_sha256"]}
    assert shown["after"] == {"personality_version": 2, "prompt_sha256": new}
    lines = shown["prompt"].splitlines()
    assert lines[:2] == [f"--- version 1, prompt {conversation.prompt_id}", f"+++ version 2, prompt {new}"]
    assert {"-Bridges.", "+Other."} <= set(lines)
    assert owner.get(address).content == before.content
    assert Prompt.objects.count() == 1
    upgraded = owner.post(f"{address}upgrade/?dry_run=false").json()
    assert (upgraded["personality_version"], upgraded["prompt_sha256"]) == (2, new)


def test_upgrade__dry_run_and_nothing_new__no_difference(owner: APIClient, address: str) -> None:
    shown = owner.post(f"{address}upgrade/?dry_run=true").json()
    assert (shown["before"], shown["prompt"]) == (shown["after"], "")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("dry_run=yes", "dry_run"),
        ("dry_run=", "dry_run"),
        ("dryrun=true", "dryrun"),
        ("dry_run=true&dry_run=false", "dry_run"),
    ],
)
def test_upgrade__misspelt__400_and_nothing_changed(owner: APIClient, address: str, query: str, field: str) -> None:
    Personality.objects.update(backstory="Other.")
    before = owner.get(address).content
    refused = owner.post(f"{address}upgrade/?{query}")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, [field])
    assert owner.get(address).content == before


@pytest.mark.parametrize(("body", "field"), [({"dry_run": True}, "dry_run"), ({"x": None}, "x"), ([], None)])
def test_upgrade__told_in_the_body__400_and_nothing_changed(
    owner: APIClient, address: str, body: Any, field: str | None
) -> None:
    Personality.objects.update(backstory="Other.")
    before = owner.get(address).content
    refused = owner.post(f"{address}upgrade/", body, content_type="application/json")
    assert refused.status_code == 400
    assert field is None or list(refused.json()["errors"]) == [field]
    assert owner.get(address).content == before


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_upgrade__with_an_empty_body__upgraded(owner: APIClient, address: str, body: bytes) -> None:
    Personality.objects.update(backstory="Other.")
    upgraded = owner.post(f"{address}upgrade/", body, content_type="application/json")
    assert upgraded.json()["personality_version"] == 2


def test_upgrade__dry_run_and_changed_meanwhile__412(owner: APIClient, address: str) -> None:
    refused = owner.post(f"{address}upgrade/?dry_run=true", headers={"If-Match": '"other"'})
    assert refused.status_code == 412


def test_upgrade__dry_run_and_personality_gone__409(owner: APIClient, address: str, elara: Personality) -> None:
    elara.delete()
    assert owner.post(f"{address}upgrade/?dry_run=true").status_code == 409


def test_conversation__another_user__no_prompt(
    client_of: Any, address: str, conversation: Conversation, staff: User
) -> None:
    for path in ("", "export/"):
        assert client_of(staff).get(f"{address}{path}").status_code == 404
    assert client_of(staff).post(f"{address}upgrade/?dry_run=true").status_code == 404
