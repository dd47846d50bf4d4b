"""What the playground shows as the prompt of a conversation that is kept: that with which its next answer is given."""

from typing import Any
from uuid import uuid4

import openai
import pytest
from django.contrib.auth.models import User
from django.test import Client

from chat.tests.conftest import Say
from chat.tests.model_server import ModelServer
from conversations import pinning, prompts
from conversations.models import Conversation
from personalities.models import Personality
from personalities.prompt import CommonPrefix, Wishes
from preferences.models import Preferences


@pytest.fixture
def page(key: str) -> Client:
    """Ursula's browser."""
    client = Client()
    client.force_login(User.objects.get(username="ursula"))
    return client


def address(conversation: Conversation) -> str:
    return f"/chat/conversations/{conversation.pk}/prompt/"


def shown(page: Client, conversation: Conversation) -> Any:
    answer = page.get(address(conversation))
    assert answer.status_code == 200, answer.content
    assert "no-store" in answer["Cache-Control"]
    return answer.json()


def told(model: ModelServer) -> str:
    """The prompt with which the language model was asked last."""
    return str(model.requests[-1][1]["messages"][0]["content"])


def test_prompt__personality_edited_and_wishes_changed__as_the_model_is_told(
    page: Client, conversation: Conversation, say: Say, model: ModelServer
) -> None:
    Personality.objects.filter(personality_name="elara").update(backstory="Tunnels.")
    Preferences.objects.replace(User.objects.get(username="ursula"), Wishes(call_me="Sam"))
    found = shown(page, conversation)
    say("Hello?")
    assert found["text"] == told(model)
    assert "Bridges." in found["text"]
    assert (found["personality_version"], found["sha256"]) == (1, conversation.prompt_id)
    sources = {line["source"] for line in found["lines"]}
    assert {"display_name", "preferences.call_me"} <= sources, "which field each line comes from"


def test_prompt__of_another_release__its_text_and_the_part_for_the_user(
    page: Client, conversation: Conversation, say: Say, model: ModelServer
) -> None:
    before = CommonPrefix.of("You are Elara, said an earlier release.\n\nBe kind.")
    prompts.keep(before)
    Conversation.objects.update(prompt=before.sha256)
    Preferences.objects.replace(User.objects.get(username="ursula"), Wishes(call_me="Sam"))
    found = shown(page, conversation)
    say("Hello?")
    assert found["text"] == told(model)
    assert found["text"].startswith(before.text)
    assert found["sha256"] == before.sha256
    pinned, user = found["sections"]
    assert (pinned["name"], pinned["text"], user["name"]) == ("pinned", before.text, "user")
    assert {line["source"] for line in found["lines"] if line["section"] == "pinned"} == {"prompt_sha256"}
    assert "\n".join(line["text"] for line in found["lines"] if line["section"] == "pinned") == before.text


def test_prompt__model_that_refuses_a_greeting__told_in_it(
    page: Client, key: str, talk: openai.OpenAI, model: ModelServer, settings: Any
) -> None:
    settings.LLM_GREETING = "prompt"
    Personality.objects.filter(personality_name="elara").update(greeting="Come in.")
    conversation = pinning.start(User.objects.get(username="ursula"), Personality.objects.get_config("elara"))
    Personality.objects.filter(personality_name="elara").update(greeting="Go away.")
    found = shown(page, conversation)
    hello: Any = {"role": "user", "content": "Hello?"}
    talk.chat.completions.create(model="elara", messages=[hello], metadata={"conversation": str(conversation.pk)})
    assert "Come in." in found["text"]
    assert found["text"] == told(model)


def test_prompt__begun_by_an_older_release__shown_and_not_pinned_by_that(
    page: Client, conversation: Conversation
) -> None:
    Conversation.objects.update(prompt=None)
    assert shown(page, conversation)["sha256"] == conversation.prompt_id
    assert Conversation.objects.get().prompt_id is None


def test_prompt__of_somebody_else_or_nobody__404(page: Client, conversation: Conversation) -> None:
    Conversation.objects.update(owner=User.objects.get(username="otto"))
    assert page.get(address(conversation)).status_code == 404
    assert page.get(address(Conversation(pk=uuid4()))).status_code == 404


def test_prompt__signed_out__401(conversation: Conversation) -> None:
    assert Client().get(address(conversation)).status_code == 401
