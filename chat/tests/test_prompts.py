"""The prompt that a language model gets: frozen in a conversation, named by its hash, and the user's part behind it."""

import hashlib
from typing import Any

import openai
import pytest
from django.contrib.auth.models import User

from chat.tests import model_server
from chat.tests.model_server import ModelServer
from conversations import pinning
from conversations.models import Conversation
from personalities.models import Personality
from personalities.prompt import CommonPrefix, Wishes, assemble, common_prefix
from preferences.models import Preferences

TONIGHT = CommonPrefix.of("What the next release says.")


@pytest.fixture
def conversation(key: str) -> Conversation:
    return pinning.start(User.objects.get(username="ursula"), Personality.objects.get_config("elara"))


def answered(talk: openai.OpenAI, conversation: Conversation | None = None, **options: Any) -> str | None:
    """The header of the answer, which is read to its end."""
    given: Any = {"model": "elara", "messages": [{"role": "user", "content": "Hi."}], **options}
    if conversation:
        given["metadata"] = {"conversation": str(conversation.pk)}
    answer = talk.chat.completions.with_raw_response.create(**given)
    parsed = answer.parse()
    if options.get("stream"):
        list(parsed)
    return answer.headers.get("prompt-sha256")


def sent(model: ModelServer) -> str:
    """The prompt that the language model got last."""
    content: str = model.requests[-1][1]["messages"][0]["content"]
    return content


@pytest.mark.parametrize("is_kept", [False, True])
def test_instructions__model_that_knows_one_system_message__in_that(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation, settings: Any, is_kept: bool
) -> None:
    settings.LLM_INSTRUCTIONS = "prompt"
    parts = [{"type": "text", "text": "Be kind."}]
    given = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi."},
        {"role": "developer", "content": parts},
    ]
    answered(talk, conversation if is_kept else None, messages=given)
    assert [message["role"] for message in model.requests[-1][1]["messages"]] == ["system", "user"]
    assert sent(model) == f"{elara().text}\n\nBe brief.\n\nBe kind."
    more: Any = {"metadata": {"conversation": str(conversation.pk)}} if is_kept else {}
    talk.responses.create(model="elara", input="Hi.", instructions="Be bold.", **more)
    assert [message["role"] for message in model.requests[-1][1]["messages"]].count("system") == 1
    assert sent(model) == f"{elara().text}\n\nBe bold."


def test_instructions__more_than_text_for_such_a_model__refused(
    talk: openai.OpenAI, model: ModelServer, settings: Any
) -> None:
    settings.LLM_INSTRUCTIONS = "prompt"
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    given = [{"role": "system", "content": [image]}, {"role": "user", "content": "Hi."}]
    with pytest.raises(openai.BadRequestError, match="text alone"):
        answered(talk, None, messages=given)
    assert model.requests == []


def elara() -> CommonPrefix:
    return common_prefix(Personality.objects.get_config("elara"))


@pytest.mark.parametrize("stream", [False, True])
def test_header__without_a_conversation__of_the_prompt_that_was_sent(
    talk: openai.OpenAI, model: ModelServer, stream: bool
) -> None:
    found = answered(talk, stream=stream)
    assert found == hashlib.sha256(sent(model).encode()).hexdigest() == elara().sha256


def test_header__user_with_wishes__of_the_part_before_them(talk: openai.OpenAI, model: ModelServer) -> None:
    wishes = Wishes(call_me="Sam")
    Preferences.objects.replace(User.objects.get(username="ursula"), wishes)
    assert answered(talk) == elara().sha256
    assert sent(model) == assemble(Personality.objects.get_config("elara"), wishes).text
    assert sent(model).startswith(elara().text + "\n\n")


def test_header__the_model_fails__there_too(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = model_server.status("500 Oops")
    with pytest.raises(openai.InternalServerError) as raised:
        answered(talk)
    assert raised.value.response.headers["prompt-sha256"] == elara().sha256


@pytest.mark.parametrize("stream", [False, True])
def test_conversation__next_release__the_prompt_it_has_and_the_wishes_of_today(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    before = elara()
    monkeypatch.setattr(pinning, "common_prefix", lambda config: TONIGHT)
    Personality.objects.filter(personality_name="elara").update(backstory="Other.")
    Preferences.objects.replace(User.objects.get(username="ursula"), Wishes(call_me="Sam"))
    assert answered(talk, conversation, stream=stream) == before.sha256
    assert sent(model).startswith(before.text + "\n\n")
    assert sent(model).endswith("Sam")


@pytest.mark.parametrize("stream", [False, True])
def test_conversation__answer__kept_with_the_hash_of_its_prompt(
    talk: openai.OpenAI, conversation: Conversation, stream: bool
) -> None:
    found = answered(talk, conversation, stream=stream)
    rows = list(conversation.messages.order_by("position").values_list("role", "prompt_sha256"))
    assert rows == [("user", ""), ("assistant", found)]


@pytest.mark.parametrize("stream", [False, True])
def test_conversation__answer_sent_again_after_an_upgrade__its_own_prompt(
    talk: openai.OpenAI, conversation: Conversation, stream: bool
) -> None:
    options: Any = {"stream": stream, "extra_headers": {"Idempotency-Key": "turn-1"}}
    first = answered(talk, conversation, **options)
    Personality.objects.filter(personality_name="elara").update(backstory="Other.")
    pinning.upgrade(conversation)
    assert answered(talk, conversation, **options) == first
    assert answered(talk, conversation) == elara().sha256 != first


def test_conversation__made_by_an_older_release__pinned_by_its_first_turn(
    talk: openai.OpenAI, conversation: Conversation
) -> None:
    Conversation.objects.update(prompt=None)
    found = answered(talk, conversation)
    assert Conversation.objects.get().prompt_id == found == elara().sha256
