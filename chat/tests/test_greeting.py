"""The language model hears with which words the personality began: as a message, or in the prompt."""

from typing import Any

import openai
import pytest
from django.contrib.auth.models import User

from chat.tests.model_server import ModelServer
from conversations import pinning, turns
from conversations.models import Conversation, Role
from conversations.turns import Draft
from personalities.models import Personality
from personalities.prompt import Wishes, assemble
from preferences.models import Preferences

GREETED = "Hello, Sam. I am Elara."
SYSTEM = {"role": "system", "content": "Be brief."}
HI = {"role": "user", "content": "Hi."}


@pytest.fixture
def conversation(key: str) -> Conversation:
    Personality.objects.filter(personality_name="elara").update(greeting="Hello, {{user}}. I am <BOT>.")
    ursula = User.objects.get(username="ursula")
    Preferences.objects.replace(ursula, Wishes(call_me="Sam"))
    return pinning.start(ursula, Personality.objects.get_config("elara"))


@pytest.fixture
def in_prompt(settings: Any) -> None:
    settings.LLM_GREETING = "prompt"


def sent(talk: openai.OpenAI, model: ModelServer, conversation: Conversation | None, *messages: Any) -> list[Any]:
    """All messages that the language model gets."""
    more: Any = {"metadata": {"conversation": str(conversation.pk)}} if conversation else {}
    talk.chat.completions.create(model="elara", messages=[*messages], **more)
    found: list[Any] = model.requests[-1][1]["messages"]
    return found


def prompt(greeting: str = "") -> str:
    config = Personality.objects.get_config("elara")
    return assemble(config, Wishes(call_me="Sam"), greeting).text


def test_greeting__conversation__its_first_message_each_time(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation
) -> None:
    first = sent(talk, model, conversation, HI)
    assert [message["content"] for message in first] == [prompt(), GREETED, "Hi."]
    second = sent(talk, model, conversation, HI)
    assert [message["content"] for message in second] == [prompt(), GREETED, "Hi.", "Hello there.", "Hi."]
    stored = conversation.messages.order_by("position").values_list("role", "content", "prompt_sha256")
    assert stored[0] == ("assistant", GREETED, "")


@pytest.mark.usefixtures("in_prompt")
def test_greeting__conversation_and_a_model_that_refuses_it__in_the_prompt_each_time(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation
) -> None:
    first = sent(talk, model, conversation, HI)
    assert [message["content"] for message in first] == [prompt(GREETED), "Hi."]
    second = sent(talk, model, conversation, SYSTEM, HI)
    assert [message["content"] for message in second] == [prompt(GREETED), "Hi.", "Hello there.", "Be brief.", "Hi."]
    assert conversation.messages.count() == 5


@pytest.mark.usefixtures("in_prompt")
def test_greeting__window_no_longer_reaches_it__not_told(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation
) -> None:
    drafts = [Draft(role, str(number)) for number in range(10) for role in (Role.USER, Role.ASSISTANT)]
    turns.append(conversation, drafts)
    assert [message["role"] for message in sent(talk, model, conversation, HI)[:2]] == ["system", "user"]
    assert model.requests[-1][1]["messages"][0]["content"] == prompt()


@pytest.mark.usefixtures("conversation")
def test_greeting__talk_that_is_not_kept__where_its_client_has_put_it(talk: openai.OpenAI, model: ModelServer) -> None:
    greeting = {"role": "assistant", "content": "Welcome."}
    assert sent(talk, model, None, SYSTEM, greeting, HI)[1:] == [SYSTEM, greeting, HI]


@pytest.mark.usefixtures("conversation", "in_prompt")
@pytest.mark.parametrize("content", ["Welcome.", [{"type": "text", "text": "Wel"}, {"type": "text", "text": "come."}]])
def test_greeting__talk_that_is_not_kept_and_a_model_that_refuses_it__in_the_prompt(
    talk: openai.OpenAI, model: ModelServer, content: Any
) -> None:
    greeting = {"role": "assistant", "content": content}
    answer = {"role": "assistant", "content": "Hello there."}
    found = sent(talk, model, None, SYSTEM, greeting, HI, answer, HI)
    assert found == [{"role": "system", "content": prompt("Welcome.")}, SYSTEM, HI, answer, HI]


@pytest.mark.usefixtures("conversation", "in_prompt")
def test_greeting__several_answers_at_the_beginning__all_of_them(talk: openai.OpenAI, model: ModelServer) -> None:
    greetings = [{"role": "assistant", "content": text} for text in ("Welcome.", "Sit down.")]
    assert sent(talk, model, None, *greetings, HI) == [
        {"role": "system", "content": prompt("Welcome.\n\nSit down.")},
        HI,
    ]


@pytest.mark.usefixtures("conversation", "in_prompt")
def test_greeting__nothing_but_an_answer__still_something_to_answer(talk: openai.OpenAI, model: ModelServer) -> None:
    greeting = {"role": "assistant", "content": "Welcome."}
    assert sent(talk, model, None, greeting)[1:] == [greeting]
