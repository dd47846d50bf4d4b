"""A stored conversation: earlier messages are sent along, and each turn is stored once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import openai
import pytest
from django.contrib.auth.models import User
from django.db import transaction

from chat.conversation import Turn
from chat.errors import ApiError
from chat.recording import store_turn
from chat.tests import model_server
from chat.tests.conftest import Client, Say
from chat.tests.model_server import ModelServer
from conversations import pinning, prompts, turns
from conversations.models import MAX_BYTES, Conversation, Role
from conversations.turns import Draft
from personalities.models import Personality
from personalities.prompt import Wishes, assemble
from preferences.models import Preferences
from tests.database import sql
from tests.waiting import wait_until


def stored(conversation: Conversation) -> list[tuple[str, str]]:
    return list(conversation.messages.order_by("position").values_list("role", "content"))


@pytest.mark.parametrize("stream", [False, True])
def test_turn__second__what_was_said_is_sent_along(
    say: Say, model: ModelServer, conversation: Conversation, stream: bool
) -> None:
    for text in ("One.", "Two."):
        answer = say(text, stream=stream)
        if stream:
            list(answer)
    said = [(message["role"], message["content"]) for message in model.requests[1][1]["messages"][1:]]
    first = [("user", "One."), ("assistant", "Hello there.")]
    assert said == [*first, ("user", "Two.")]
    assert stored(conversation) == [*first, ("user", "Two."), ("assistant", "Hello there.")]
    assert "metadata" not in model.requests[0][1]


def test_turn__streamed_without_a_reason_to_finish__stored(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = model_server.streaming(
        model_server.chunk("Hello"), model_server.chunk(" there."), b"data: [DONE]\n\n"
    )
    told = "".join(event.choices[0].delta.content or "" for event in say("One.", stream=True))
    assert told == "Hello there."
    assert stored(conversation) == [("user", "One."), ("assistant", told)]


@pytest.mark.parametrize("stream", [False, True])
def test_turn__sent_again_with_its_key__the_same_answer_and_nobody_asked(
    say: Say, model: ModelServer, conversation: Conversation, stream: bool
) -> None:
    say("One.", "turn-1")
    if stream:
        events = list(say("One.", "turn-1", stream=True, stream_options={"include_usage": True}))
        text, usage = "".join(event.choices[0].delta.content or "" for event in events[:-1]), events[-1].usage
    else:
        again = say("One.", "turn-1")
        text, usage = again.choices[0].message.content, again.usage
    assert (text, usage.total_tokens, len(model.requests), len(stored(conversation))) == ("Hello there.", 0, 1, 2)


def at_once(model: ModelServer, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """The second request reaches the language model too, before the first is answered."""
    model.behaviour = model_server.answer_each_differently
    with ThreadPoolExecutor() as pool:
        one = pool.submit(first)
        wait_until(lambda: model.counts["waiting"] == 1)
        other = pool.submit(second)
        wait_until(lambda: model.counts["waiting"] == 2)
        model.release_all()
        return one.exception() or one.result(), other.exception() or other.result()


def test_turn__sent_twice_at_a_time__both_get_the_stored_answer(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    answers = at_once(model, lambda: say("One.", "turn-1"), lambda: say("One.", "turn-1"))
    ((_, said), (_, answer)) = stored(conversation)
    assert said == "One."
    assert [told.choices[0].message.content for told in answers] == [answer, answer]


def test_turn__sent_twice_at_a_time_and_streamed__a_caller_with_another_answer_gets_an_error(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    def listen() -> str:
        return "".join(event.choices[0].delta.content or "" for event in say("One.", "turn-1", stream=True))

    answers = at_once(model, listen, listen)
    (_, (_, answer)) = stored(conversation)
    (error,) = [told for told in answers if told != answer]
    assert (error.code, error.param) == ("answered_otherwise", "idempotency-key")
    assert (listen(), len(stored(conversation))) == (answer, 2)


def test_turn__another_message_with_its_key_at_the_same_time__409(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    answers = at_once(model, lambda: say("One.", "turn-1"), lambda: say("Two.", "turn-1"))
    assert [told.code for told in answers if isinstance(told, openai.ConflictError)] == ["idempotency_key_reused"]
    assert len(stored(conversation)) == 2


def test_turn__another_message_with_its_key__409(say: Say, conversation: Conversation) -> None:
    say("One.", "turn-1")
    with pytest.raises(openai.ConflictError) as raised:
        say("Two.", "turn-1")
    assert raised.value.param == "idempotency-key"
    assert len(stored(conversation)) == 2


def test_turn__the_model_fails__nothing_is_stored(say: Say, model: ModelServer, conversation: Conversation) -> None:
    model.behaviour = model_server.status("500 Oops")
    with pytest.raises(openai.InternalServerError):
        say("One.", "turn-1")
    assert stored(conversation) == []
    model.behaviour = model_server.answer
    say("One.", "turn-1")
    assert len(stored(conversation)) == 2


def test_turn__its_caller_hangs_up__the_model_is_let_go_and_nothing_is_stored(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = model_server.wait_for_release
    answer = say("One.", stream=True)
    assert next(iter(answer)).choices[0].delta.content
    answer.close()
    wait_until(lambda: model.connections == 0, 2)
    assert stored(conversation) == []


def test_turn__its_caller_has_the_last_chunk__stored_already(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = model_server.streaming(
        model_server.chunk("Hello "), model_server.chunk("there.", "stop"), then=model_server.silent
    )
    answer = say("One.", stream=True)
    assert any(event.choices[0].finish_reason for event in answer)
    assert stored(conversation) == [("user", "One."), ("assistant", "Hello there.")]
    answer.close()


def test_turn__system_messages__passed_on_but_not_stored(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    messages = [{"role": role, "content": f"I am {role}."} for role in ("system", "developer", "user")]
    say("", messages=messages)
    assert model.requests[0][1]["messages"][1:] == messages
    assert stored(conversation) == [("user", "I am user."), ("assistant", "Hello there.")]


def test_turn__answer_that_is_no_text_to_postgresql__stored_without_that(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = model_server.status("200 OK", model_server.completion("a\0b"))
    say("One.")
    assert stored(conversation)[1] == ("assistant", "a\ufffdb")


@pytest.mark.parametrize("last", [{}, {"delta": None}, {"delta": {"content": None}}])
def test_turn__the_last_choice_has_no_text__what_came_before_is_kept(
    say: Say, model: ModelServer, conversation: Conversation, last: dict[str, Any]
) -> None:
    end = json.dumps({"object": "chat.completion.chunk", "choices": [{"index": 0, "finish_reason": "stop"} | last]})
    model.behaviour = model_server.streaming(
        model_server.chunk("Hello there."), f"data: {end}\n\ndata: [DONE]\n\n".encode()
    )
    list(say("One.", stream=True))
    assert stored(conversation) == [("user", "One."), ("assistant", "Hello there.")]


@pytest.mark.parametrize("choice", [{"message": 5, "delta": 5}, {"message": {"content": 5}, "delta": {"content": 5}}])
@pytest.mark.parametrize("is_stream", [False, True])
def test_turn__malformed_choice__502_and_nothing_is_stored(
    say: Say, model: ModelServer, conversation: Conversation, choice: dict[str, Any], is_stream: bool
) -> None:
    answer = json.dumps({"choices": [choice]}).encode()
    model.behaviour = (
        model_server.streaming(b"data: " + answer + b"\n\n") if is_stream else model_server.status("200 OK", answer)
    )
    with pytest.raises(openai.InternalServerError) as raised:
        say("One.", stream=is_stream)
    assert (raised.value.status_code, raised.value.code) == (502, "upstream_broken")
    assert stored(conversation) == []


def test_turn__several_choices__the_first_is_stored(say: Say, model: ModelServer, conversation: Conversation) -> None:
    choices = [{"index": 0, "delta": {"content": "Hello."}}, {"index": 1, "delta": {"content": "Go away."}}]
    chunk = json.dumps({"object": "chat.completion.chunk", "choices": choices})
    model.behaviour = model_server.streaming(
        f"data: {chunk}\n\n".encode(), model_server.chunk("", "stop"), b"data: [DONE]\n\n"
    )
    list(say("One.", stream=True))
    assert stored(conversation)[1] == ("assistant", "Hello.")


def test_turn__answer_is_too_long_to_be_stored__502_and_nothing_is(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = model_server.status("200 OK", model_server.completion("x" * (MAX_BYTES + 1)))
    with pytest.raises(openai.InternalServerError, match="The answer cannot be stored") as raised:
        say("One.")
    assert (raised.value.status_code, raised.value.type) == (502, "api_error")
    assert stored(conversation) == []


def test_turn__conversation_deleted_meanwhile__404(say: Say, model: ModelServer, conversation: Conversation) -> None:
    model.behaviour = model_server.answer_each_differently
    with ThreadPoolExecutor() as pool:
        told = pool.submit(say, "One.")
        wait_until(lambda: model.counts["waiting"] == 1)
        conversation.delete()
        model.release_all()
        error = told.exception()
    assert isinstance(error, openai.NotFoundError)
    assert error.code == "conversation_not_found"


def test_turn__its_prompt_deleted_a_moment_ago__404(say: Say) -> None:
    """As where the conversation is deleted between two looks at it."""
    with transaction.atomic():
        sql("SET LOCAL session_replication_role = replica")
        sql("DELETE FROM conversations_prompt")
    prompts.load.cache_clear()
    with pytest.raises(openai.NotFoundError) as raised:
        say("One.")
    assert raised.value.code == "conversation_not_found"


def test_store_turn__stored_by_another_request_and_deleted_since__not_found(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a request finds whose key was used between its look at the key and its own append."""

    def reused(*_: object) -> None:
        raise turns.KeyReused

    monkeypatch.setattr(turns, "append", reused)
    config = pinning.config_of(conversation)
    prompt = pinning.prompt_of(conversation, config)
    turn = Turn(conversation, config, prompt, [], [Draft(Role.USER, "One.")], "turn-1", None, uuid4())
    with pytest.raises(ApiError) as raised:
        store_turn(turn, Draft(Role.ASSISTANT, "Hello."))
    assert (raised.value.status, raised.value.code) == (404, "conversation_not_found")


def test_turn__edited_meanwhile__still_the_version_that_it_began_with(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    before = assemble(Personality.objects.get_config("elara")).text
    Personality.objects.filter(personality_name="elara").update(backstory="Another.")
    say("One.")
    assert model.requests[0][1]["messages"][0]["content"] == before


@pytest.mark.parametrize("name", ["elara", "Vega"])
def test_turn__renamed_meanwhile__by_either_name(say: Say, conversation: Conversation, name: str) -> None:
    Personality.objects.filter(personality_name="elara").update(personality_name="vega")
    say("One.", model=name)
    assert len(stored(conversation)) == 2


def test_turn__renamed_and_asked_by_a_third_name__told_both_and_how_to_go_on(
    say: Say, conversation: Conversation
) -> None:
    Personality.objects.filter(personality_name="elara").update(personality_name="vega")
    with pytest.raises(openai.BadRequestError, match=f"elara.*vega.*/conversations/{conversation.pk}/upgrade/"):
        say("One.", model="mira")


def test_turn__renamed_and_served_to_the_caller_no_more__new_name_not_told(say: Say) -> None:
    otto = User.objects.get(username="otto")
    Personality.objects.filter(personality_name="elara").update(personality_name="vega", owner=otto)
    with pytest.raises(openai.BadRequestError, match=r"The conversation is with elara\."):
        say("One.", model="vega")


def test_turn__window_cut_before_an_answer__sent_from_the_next_question(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    """One message was added over REST, so that the last twenty begin with an answer."""
    drafts = [Draft(Role.USER, "0?"), *(Draft(role, role) for _ in range(10) for role in (Role.USER, Role.ASSISTANT))]
    turns.append(conversation, [*drafts[1:], drafts[0]])
    say("One.")
    sent = [message["role"] for message in model.requests[0][1]["messages"]]
    assert (sent[:3], len(sent)) == (["system", "user", "assistant"], 1 + 19 + 1)


def test_turn__conversation_begins_with_a_greeting__sent_too(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    turns.append(conversation, [Draft(Role.ASSISTANT, "Welcome.")])
    say("One.")
    assert [message["content"] for message in model.requests[0][1]["messages"][1:]] == ["Welcome.", "One."]


@pytest.mark.parametrize("id", ["1", "", "85c872cd-68db-42d5-9164-a78a7f51a611"])
def test_turn__of_no_conversation__404_names_it(say: Say, id: str) -> None:
    with pytest.raises((openai.NotFoundError, openai.BadRequestError)) as raised:
        say("One.", metadata={"conversation": id})
    assert str(raised.value.param).startswith("metadata")


def test_turn__of_somebody_elses_conversation__404(say: Say) -> None:
    other = pinning.start(User.objects.get(username="otto"), Personality.objects.get_config("elara"))
    with pytest.raises(openai.NotFoundError):
        say("One.", metadata={"conversation": str(other.pk)})
    assert stored(other) == []


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"model": "mira"}, "model"),
        ({"model": "no one"}, "model"),
        ({"messages": [{"role": "assistant", "content": "Hi."}]}, "messages"),
        ({"messages": [{"role": "system", "content": "Be rude."}]}, "messages"),
    ],
)
def test_turn__that_does_not_fit__400_names_the_parameter(say: Say, options: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        say("One.", **options)
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("text", "param"),
    [("a\0b", "messages.0.content"), ("x" * (MAX_BYTES + 1), "messages"), ("ü" * MAX_BYTES, "messages")],
)
def test_turn__message_that_cannot_be_stored__400_before_the_model_is_asked(
    say: Say, model: ModelServer, conversation: Conversation, text: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        say(text)
    assert raised.value.param == param
    assert not model.requests
    assert stored(conversation) == []


def test_turn__malformed_key__400(say: Say) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        say("One.", "k" * 256)
    assert raised.value.param == "idempotency-key"


def test_chat__a_user_with_wishes__the_prompt_says_them(
    client: Client, talk: openai.OpenAI, model: ModelServer
) -> None:
    wishes = Wishes(call_me="Sam", tone="calm")
    Preferences.objects.replace(User.objects.get(username="ursula"), wishes)
    talk.chat.completions.create(model="elara", messages=[{"role": "user", "content": "Hi."}])
    prompt = model.requests[0][1]["messages"][0]["content"]
    assert prompt == assemble(Personality.objects.get_config("elara"), wishes).text
    assert "Sam" in prompt
