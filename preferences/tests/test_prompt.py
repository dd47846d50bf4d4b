"""What a language model is told of a personality that talks with the caller."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.models import Personality
from personalities.prompt import assemble, common_prefix
from preferences.models import Preferences
from preferences.tests.conftest import URL

pytestmark = pytest.mark.django_db(transaction=True)
PROMPT = f"{URL}prompt/elara/"
WISHES = [("language", "de"), ("formality", "casual"), ("tone", "calm"), ("emoji_use", "none"),
          ("response_length", "brief"), ("explanation_style", "simple"), ("call_me", "Sam")]  # fmt: skip


@pytest.fixture(autouse=True)
def elara(db: None) -> Personality:
    return Personality.objects.create(personality_name="elara", formality_level=9)


def lines(client: APIClient) -> dict[str, str]:
    return {line["source"]: line["text"] for line in client.get(PROMPT).json()["lines"]}


@pytest.mark.parametrize(("name", "value"), WISHES)
def test_prompt__each_preference__changes_it_and_is_its_source(reader: APIClient, name: str, value: str) -> None:
    before = reader.get(PROMPT)
    reader.patch(URL, {name: value})
    after = reader.get(PROMPT, headers={"If-None-Match": before["ETag"]})
    assert after.json()["text"].startswith(before.json()["text"] + "\n\n")
    assert after.json()["sections"][-1]["name"] == "user"
    assert f"preferences.{name}" in {source.split(" = ")[0] for source in lines(reader)}


@pytest.mark.parametrize(("name", "value"), WISHES)
def test_prompt__locked__as_without_and_says_why(reader: APIClient, elara: Personality, name: str, value: str) -> None:
    elara.locked_preferences = [name]
    elara.save()
    before = reader.get(PROMPT).json()
    reader.patch(URL, {name: value})
    after = reader.get(PROMPT).json()
    assert after["text"] == before["text"]
    reasons = {part["source"].split(" = ")[0]: part["reason"] for part in after["omissions"]}
    assert reasons[f"preferences.{name}"] == "locked by the author"


def test_prompt__unlocked_by_sql__counts_again(reader: APIClient, elara: Personality) -> None:
    elara.locked_preferences = ["tone"]
    elara.save()
    reader.patch(URL, {"tone": "calm"})
    assert "preferences.tone = calm" not in lines(reader)
    Personality.objects.update(locked_preferences=[])
    assert "preferences.tone = calm" in lines(reader)


def test_prompt__against_a_trait__names_it(reader: APIClient) -> None:
    reader.patch(URL, {"formality": "casual"})
    assert lines(reader)["preferences.formality = casual"].endswith('This goes before "Formality 9 of 10" above.')


def test_prompt__of_another_user__none_of_it(reader: APIClient, other: APIClient, elara: Personality) -> None:
    reader.patch(URL, {"call_me": "Sam"})
    assert other.get(PROMPT).json()["text"] == assemble(elara.to_config()).text


def test_prompt__own_personality__before_the_global_one(reader: APIClient, user: User) -> None:
    Personality.objects.create(personality_name="elara", owner=user, backstory="My own.")
    assert "My own." in reader.get(PROMPT).json()["text"]


def test_prompt__greeting_told_in_it__last_and_explained(reader: APIClient, elara: Personality, settings: Any) -> None:
    elara.greeting = "Hello, {{user}}!"
    elara.save()
    reader.patch(URL, {"call_me": "Sam"})
    assert "greeting" not in lines(reader)
    before = reader.get(PROMPT).json()
    settings.LLM_GREETING = "prompt"
    after = reader.get(PROMPT).json()
    assert after["text"].startswith(before["text"] + "\n\n")
    assert (lines(reader)["greeting"], after["sections"][-1]["name"]) == ("Hello, Sam!", "greeting")
    assert "greeting" not in {part["source"] for part in after["omissions"]}


def test_prompt__sha256__of_the_part_that_all_users_share(reader: APIClient, elara: Personality) -> None:
    reader.patch(URL, {"call_me": "Sam"})
    assert reader.get(PROMPT).json()["sha256"] == common_prefix(elara.to_config()).sha256


def test_prompt__warm__no_query(reader: APIClient, django_assert_num_queries: Any) -> None:
    reader.patch(URL, {"tone": "calm"})
    first = reader.get(PROMPT)
    with django_assert_num_queries(0):
        assert reader.get(PROMPT, headers={"If-None-Match": first["ETag"]}).status_code == 304


def test_prompt__no_such_personality__404_names_it(reader: APIClient) -> None:
    answer = reader.get(f"{URL}prompt/nobody/")
    assert (answer.status_code, list(answer.json()["errors"])) == (404, ["name"])


def test_prompt__without_a_key__401(db: None) -> None:
    assert APIClient().get(PROMPT).status_code == 401
    assert not Preferences.objects.exists()
