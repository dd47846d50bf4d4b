"""A question that says nothing: not in a conversation that is kept, and passed on as it is outside of one."""

from typing import Any

import openai
import pytest

from chat.tests.bodies import PNG
from chat.tests.conftest import Say
from chat.tests.model_server import ModelServer
from conversations.models import Conversation

EMPTY: list[Any] = ["", "   ", "\n\u2003", [{"type": "text", "text": ""}], [{"type": "text", "text": " "}] * 2]


@pytest.mark.parametrize("content", EMPTY)
def test_chat__in_a_conversation__400_that_names_it(
    say: Say, model: ModelServer, conversation: Conversation, content: Any
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        say("", messages=[{"role": "user", "content": content}])
    assert raised.value.param == "messages"
    assert not conversation.messages.exists()
    assert model.requests == []


@pytest.mark.parametrize("content", ["", " ", [{"type": "input_text", "text": ""}]])
def test_responses__in_a_conversation__400_that_names_it(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation, content: Any
) -> None:
    given: Any = content if isinstance(content, str) else [{"role": "user", "content": content}]
    with pytest.raises(openai.BadRequestError) as raised:
        talk.responses.create(model="elara", input=given, extra_body={"conversation": str(conversation.pk)})
    assert raised.value.param == "input"
    assert "messages" not in str(raised.value)
    assert model.requests == []


@pytest.mark.parametrize("content", EMPTY)
def test_chat__outside_of_a_conversation__passed_on(talk: openai.OpenAI, model: ModelServer, content: Any) -> None:
    talk.chat.completions.create(model="elara", messages=[{"role": "user", "content": content}])
    assert model.requests[0][1]["messages"][-1]["content"] == content


def test_chat__an_image_alone__kept(say: Say, conversation: Conversation) -> None:
    say("", messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}])
    assert conversation.messages.count() == 2
