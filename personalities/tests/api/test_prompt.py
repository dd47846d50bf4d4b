"""The prompt over HTTP, and the linter."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from personalities.models import Personality
from personalities.prompt import assemble, common_prefix
from personalities.tests.api.conftest import ELARA, LIST

pytestmark = pytest.mark.django_db(transaction=True)
PROMPT, LINT = f"{ELARA}prompt/", f"{ELARA}lint/"
SECRET = "Call with sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH."


def test_prompt__of_a_global_one__text_sections_lines_and_omissions(reader: APIClient, elara: Personality) -> None:
    prompt = assemble(elara.to_config())
    found = reader.get(PROMPT).json()
    assert (found["text"], found["tokens"]) == (prompt.text, prompt.tokens)
    assert [line["text"] for line in found["lines"]] == [line for line in prompt.text.split("\n") if line]
    sources = {line["source"]: line["text"] for line in found["lines"]}
    assert "Humor 5 of 10" in sources["traits.humor_level = 5"]
    assert sources["custom.backstory"] == "Bridges."
    assert {each["source"]: each["reason"] for each in found["omissions"]}["custom.speaking_style"] == "empty"


def test_prompt__greeting_told_in_it__as_to_a_user_without_a_name(
    reader: APIClient, elara: Personality, settings: Any
) -> None:
    settings.LLM_GREETING = "prompt"
    elara.greeting = "Hello, {{user}}!"
    elara.save()
    found = reader.get(PROMPT).json()
    assert found["lines"][-1] == {"text": "Hello, you!", "section": "greeting", "source": "greeting"}
    assert found["sha256"] == common_prefix(elara.to_config()).sha256


def test_prompt__edited__another_etag(editor: APIClient, elara: Personality) -> None:
    first = editor.get(PROMPT)
    assert editor.get(PROMPT, headers={"If-None-Match": first["ETag"]}).status_code == 304
    editor.patch(ELARA, {"traits": {"humor_level": 9}})
    second = editor.get(PROMPT, headers={"If-None-Match": first["ETag"]})
    assert "Humor 9 of 10" in second.json()["text"]


def test_prompt__of_a_draft__for_its_author_alone(reader: APIClient, editor: APIClient) -> None:
    reader.post(LIST, {"personality_name": "mira", "is_active": False})
    assert "Mira" in reader.get(f"{LIST}mira/prompt/").json()["text"]
    assert editor.get(f"{LIST}mira/prompt/").status_code == 404


def test_prompt__own_beside_a_global_one__owner_says_which(reader: APIClient, user: User, elara: Personality) -> None:
    Personality.objects.create(personality_name="elara", owner=user, backstory="My own.")
    assert "My own." in reader.get(PROMPT).json()["text"]
    assert "Bridges." in reader.get(f"{PROMPT}?owner=global").json()["text"]
    assert reader.get(f"{PROMPT}?owner=nobody").status_code == 400


def test_lint__of_what_a_patch_would_make__and_nothing_is_saved(editor: APIClient, elara: Personality) -> None:
    before = editor.get(ELARA).content
    body = {"traits": {"formality_level": 10, "playfulness_level": 10}, "custom": {"backstory": SECRET}}
    found = editor.post(LINT, body).json()["findings"]
    assert [each["severity"] for each in found] == sorted(each["severity"] for each in found)
    assert found[0]["field"] == "custom.backstory"
    assert any(each["field"].startswith("traits.") for each in found)
    assert "sk-" not in str(found)
    assert editor.get(ELARA).content == before


def test_lint__as_it_stands__only_what_is_wrong_with_it(editor: APIClient, elara: Personality) -> None:
    assert editor.post(LINT, {}).json() == {"findings": []}


def test_lint__of_a_new_one__as_post_would_take_it(reader: APIClient) -> None:
    body: dict[str, Any] = {"personality_name": "mira", "custom": {"speaking_style": SECRET}}
    assert reader.post(f"{LIST}lint/", body).json()["findings"][0]["severity"] == "error"
    assert list(reader.post(f"{LIST}lint/", {}).json()["errors"]) == ["personality_name"]
    assert not Personality.objects.exists()


@pytest.mark.parametrize("verb", ["post", "patch", "put"])
def test_write__with_a_secret__refused_at_its_field(editor: APIClient, elara: Personality, verb: str) -> None:
    body = {"personality_name": "elara" if verb != "post" else "mira", "custom": {"backstory": SECRET}}
    answer = getattr(editor, verb)(LIST if verb == "post" else ELARA, body, headers={"If-Match": "*"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["custom.backstory"])
    assert "sk-" not in answer.content.decode()
    assert Personality.objects.get().backstory == "Bridges."


def test_write__with_a_warning__saved(editor: APIClient, elara: Personality) -> None:
    body = {"traits": {"formality_level": 10, "playfulness_level": 10}}
    assert editor.patch(ELARA, body).status_code == 200


def test_write__beside_a_secret_that_was_there__saved(editor: APIClient, elara: Personality) -> None:
    """Somebody who did not write the secret must still be able to switch her off."""
    Personality.objects.update(backstory=SECRET)
    assert editor.patch(ELARA, {"is_active": False}).status_code == 200
    assert editor.patch(ELARA, {"custom": {"backstory": f"{SECRET} Again."}}).status_code == 400
