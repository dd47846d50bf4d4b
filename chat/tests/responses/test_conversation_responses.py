"""Responses in a conversation: they are kept there, found again, continued and deleted."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import openai
import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from chat.tests import model_server
from chat.tests.model_server import ModelServer
from chat.tests.responses.test_create import CALL, TOOL, answering
from conversations import pinning, turns
from conversations.models import Conversation, Role
from personalities.models import Personality

Say = Callable[..., Any]


@pytest.fixture
def conversation(key: str) -> Conversation:
    return pinning.start(User.objects.get(username="ursula"), Personality.objects.get_config("elara"))


@pytest.fixture
def say(talk: openai.OpenAI, conversation: Conversation) -> Say:
    def send(said: Any, *, key: str = "", stream: bool = False, **given: Any) -> Any:
        named = {} if "previous_response_id" in given else {"conversation": str(conversation.pk)}
        headers = {"Idempotency-Key": key} if key else None
        arguments: Any = {"model": "elara", "input": said, "extra_headers": headers, "stream": stream, **named, **given}
        answer: Any = talk.responses.create(**arguments)
        return list(answer)[-1].response if stream else answer

    return send


def kept(conversation: Conversation) -> list[tuple[str, str]]:
    return list(conversation.messages.order_by("position").values_list("role", "content"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("named", [{}, {"metadata": True}])
def test_response__said_in_a_conversation__found_again(
    talk: openai.OpenAI, say: Say, conversation: Conversation, stream: bool, named: dict[str, Any]
) -> None:
    if named:
        named = {"conversation": None, "metadata": {"conversation": str(conversation.pk)}}
    response = say("One.", stream=stream, **named)
    assert response.conversation.id == str(conversation.pk)
    assert kept(conversation) == [("user", "One."), ("assistant", "Hello there.")]
    found = talk.responses.retrieve(response.id)
    assert (found.id, found.model, found.status) == (response.id, "elara", "completed")
    assert [item.to_dict() for item in found.output] == [item.to_dict() for item in response.output]
    assert found.created_at >= response.created_at - 1


@pytest.mark.parametrize("stream", [False, True])
def test_response__continued_by_the_previous_response__what_was_said_is_sent_along(
    say: Say, model: ModelServer, conversation: Conversation, stream: bool
) -> None:
    first = say("One.", stream=stream)
    second = say("Two.", previous_response_id=first.id, stream=stream)
    assert second.previous_response_id == first.id
    said = [message["content"] for message in model.requests[1][1]["messages"][1:]]
    assert said == ["One.", "Hello there.", "Two."]
    assert len(kept(conversation)) == 4


def test_response__a_call__continued_with_what_it_returned(
    talk: openai.OpenAI, say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = model_server.in_sequence(
        answering({"content": None, "tool_calls": [CALL]}, "tool_calls"), answering({"content": "Three."})
    )
    first = say("1 + 2?", tools=[TOOL])
    returned = {"type": "function_call_output", "call_id": "call_1", "output": "3"}
    assert say([returned], previous_response_id=first.id, tools=[TOOL]).output_text == "Three."
    assert [role for role, _ in kept(conversation)] == ["user", "assistant", "tool", "assistant"]
    roles = [message["role"] for message in model.requests[1][1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert talk.responses.retrieve(first.id).output[0].to_dict()["call_id"] == "call_1"


ODD = {"id": 7, "index": "0", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize("stream", [False, True])
def test_response__numbers_for_texts_and_logprobs_of_no_shape__told_as_kept(
    talk: openai.OpenAI, say: Say, model: ModelServer, conversation: Conversation, stream: bool
) -> None:
    choice = {"index": 0, "delta" if stream else "message": {"tool_calls": [ODD]}, "logprobs": [], "finish_reason": "x"}
    body = json.dumps({"choices": [choice]})
    model.behaviour = (
        model_server.streaming(f"data: {body}\n\ndata: [DONE]\n\n".encode())
        if stream
        else model_server.status("200 OK", body.encode())
    )
    response = say("1 + 2?", stream=stream, include=["message.output_text.logprobs"])
    assert [item.call_id for item in response.output] == ["7"]
    assert talk.responses.retrieve(response.id).output == response.output
    model.behaviour = model_server.answer
    say([{"type": "function_call_output", "call_id": "7", "output": "3"}], previous_response_id=response.id)


F, ARGUMENTS = {"name": "f"}, {"arguments": "{}"}
IDS_IN_ANY_PLACE: dict[str, list[dict[str, Any]]] = {
    "none": [{"tool_calls": [{"index": 0, "function": F | ARGUMENTS}]}],
    "none, and no index": [{"tool_calls": [{"function": F | ARGUMENTS}]}],
    "empty": [{"tool_calls": [{"index": 0, "id": "", "function": F | ARGUMENTS}]}],
    "earlier": [
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function"}]},
        {"tool_calls": [{"index": 0, "function": F | ARGUMENTS}]},
    ],
    "later": [
        {"tool_calls": [{"index": 0, "function": F}]},
        {"tool_calls": [{"index": 0, "id": "c1", "function": ARGUMENTS}]},
    ],
    "name later": [
        {"tool_calls": [{"index": 0, "id": "c1", "function": {"arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "}"}}]},
    ],
    "legacy": [{"tool_calls": None, "function_call": F}, {"function_call": ARGUMENTS}],
    "custom": [{"tool_calls": [{"index": 0, "id": "c1", "type": "custom", "custom": F | {"input": "{}"}}]}],
}


def in_pieces(*deltas: dict[str, Any]) -> model_server.Behaviour:
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices[-1]["finish_reason"] = "tool_calls"
    return model_server.streaming(
        *(f"data: {json.dumps({'choices': [choice]})}\n\n".encode() for choice in choices), b"data: [DONE]\n\n"
    )


@pytest.mark.parametrize("place", IDS_IN_ANY_PLACE)
def test_response__a_call_with_its_id_in_any_place_or_none__continued_under_the_one_that_was_told(
    talk: openai.OpenAI, say: Say, model: ModelServer, place: str
) -> None:
    model.behaviour = in_pieces(*IDS_IN_ANY_PLACE[place])
    first = say("1 + 2?", stream=True)
    (call,) = first.output
    assert (call.name, call.arguments) == ("f", "{}")
    assert talk.responses.retrieve(first.id).output == first.output
    model.behaviour = model_server.answer
    returned = {"type": "function_call_output", "call_id": call.call_id, "output": "3"}
    assert say([returned], previous_response_id=first.id).output_text == "Hello there."
    called, result = model.requests[-1][1]["messages"][-2:]
    assert called["tool_calls"][0]["id"] == result["tool_call_id"] == call.call_id


def test_response__a_call_of_no_shape__found_without_it(talk: openai.OpenAI, conversation: Conversation) -> None:
    said = turns.Draft(Role.ASSISTANT, "Hm.", [{"id": "c1", "type": "function", "function": 5}])
    turns.append(conversation, [turns.Draft(Role.USER, "One."), said])
    found = talk.responses.retrieve(f"resp_{conversation.messages.get(position=2).pk.hex}")
    assert found.output_text == "Hm."


def test_response__all_that_was_said_is_sent_again__only_what_is_new_counts(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    """As the AI SDK does: instructions, and answers by reference."""
    first = say("One.")
    given: list[Any] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "One."},
        {"type": "item_reference", "id": first.output[0].id},
        {"role": "user", "content": "Two."},
    ]
    say(given)
    said = [message["content"] for message in model.requests[1][1]["messages"][1:]]
    assert said == ["One.", "Hello there.", "Be brief.", "Two."]
    assert [text for _, text in kept(conversation)] == ["One.", "Hello there.", "Two.", "Hello there."]


def test_response__each_result_after_its_call__all_of_them_count(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    calls = [CALL, CALL | {"index": 1, "id": "call_2"}]
    model.behaviour = model_server.in_sequence(
        answering({"content": None, "tool_calls": calls}, "tool_calls"), answering({"content": "Three."})
    )
    say("1 + 2?", tools=[TOOL])
    given: list[Any] = [{"role": "user", "content": "1 + 2?"}]
    for id in ("call_1", "call_2"):
        given.append({"type": "function_call", "call_id": id, "name": "add", "arguments": '{"a":1}'})
        given.append({"type": "function_call_output", "call_id": id, "output": "3"})
    answer = say(given, tools=[TOOL])
    assert answer.output_text == "Three."
    assert [role for role, _ in kept(conversation)] == ["user", "assistant", "tool", "tool", "assistant"]
    say([*given, *answer.output, {"role": "user", "content": "Thanks."}], tools=[TOOL])
    assert [role for role, _ in kept(conversation)][5:] == ["user", "assistant"]


@pytest.mark.parametrize("stream", [False, True])
def test_response__instructions__behind_her_prompt_and_before_what_was_said(
    say: Say, model: ModelServer, conversation: Conversation, stream: bool
) -> None:
    """So each request begins as the one before, and providers find that in their caches."""
    first = say("One.", instructions="Be brief.", stream=stream)
    say("Two.", instructions="Be brief.", stream=stream, previous_response_id=first.id)
    before, after = (request["messages"] for _, request in model.requests)
    assert after[: len(before)] == before
    assert [(message["role"], message["content"]) for message in after[1:]] == [
        ("system", "Be brief."), ("user", "One."), ("assistant", "Hello there."), ("user", "Two.")
    ]  # fmt: skip
    assert [role for role, _ in kept(conversation)] == ["user", "assistant"] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_response__sent_again_with_its_key__the_same_response(
    say: Say, model: ModelServer, conversation: Conversation, stream: bool
) -> None:
    zeroth = say("Zero.")
    first = say("One.", key="turn-1", previous_response_id=zeroth.id)
    again = say("One.", key="turn-1", previous_response_id=zeroth.id, stream=stream)
    assert (again.id, again.output_text) == (first.id, first.output_text)
    assert (len(model.requests), len(kept(conversation))) == (2, 4)


def test_response__sent_again_with_its_key_once_the_talk_has_gone_on__the_same_response(say: Say) -> None:
    zeroth = say("Zero.")
    first = say("One.", key="turn-1", previous_response_id=zeroth.id)
    say("Two.", previous_response_id=first.id)
    assert say("One.", key="turn-1", previous_response_id=zeroth.id).id == first.id


def test_response__a_call_with_the_id_of_an_earlier_one__its_own_result_counts(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    """Some servers number the calls of each answer from 0."""
    call = answering({"content": None, "tool_calls": [CALL | {"id": "call_0"}]}, "tool_calls")
    model.behaviour = model_server.in_sequence(
        call, answering({"content": "Three."}), call, answering({"content": "4."})
    )
    given: list[Any] = []
    for question, result, said in [("1 + 2?", "3", "Three."), ("2 + 2?", "4", "4.")]:
        given.append({"role": "user", "content": question})
        given += say(given, tools=[TOOL]).output
        given.append({"type": "function_call_output", "call_id": "call_0", "output": result})
        answer = say(given, tools=[TOOL])
        assert answer.output_text == said
        given += answer.output
    assert [text for role, text in kept(conversation) if role == "tool"] == ["3", "4"]


def test_response__an_earlier_response__cannot_be_continued(say: Say) -> None:
    first = say("One.")
    say("Two.", previous_response_id=first.id)
    with pytest.raises(openai.BadRequestError) as raised:
        say("Three.", previous_response_id=first.id)
    assert raised.value.param == "previous_response_id"


def test_response__deleted__unknown_while_the_conversation_keeps_what_was_said(
    talk: openai.OpenAI, say: Say, conversation: Conversation
) -> None:
    response = say("One.")
    talk.responses.delete(response.id)
    for ask in (talk.responses.retrieve, talk.responses.delete):
        with pytest.raises(openai.NotFoundError):
            ask(response.id)
    with pytest.raises(openai.NotFoundError) as raised:
        say("Two.", previous_response_id=response.id)
    assert raised.value.code == "previous_response_not_found"
    assert len(kept(conversation)) == 2
    conversation.delete()


@pytest.mark.parametrize("id", ["resp_1", f"resp_{32 * '7'}", "x", "resp_%00"])
def test_response__unknown__404(talk: openai.OpenAI, id: str) -> None:
    for ask in (talk.responses.retrieve, talk.responses.delete):
        with pytest.raises(openai.NotFoundError):
            ask(id)


def test_response__of_another_user__404(talk: openai.OpenAI, say: Say) -> None:
    response = say("One.")
    other = talk.with_options(api_key=ApiKey.objects.issue(User.objects.get(username="otto"))[1])
    for ask in (other.responses.retrieve, other.responses.delete):
        with pytest.raises(openai.NotFoundError):
            ask(response.id)
    with pytest.raises(openai.NotFoundError):
        other.responses.create(model="elara", input="Two.", previous_response_id=response.id)


def test_response__not_in_a_conversation__404(talk: openai.OpenAI) -> None:
    response = talk.responses.create(model="elara", input="One.")
    with pytest.raises(openai.NotFoundError):
        talk.responses.retrieve(response.id)


def test_response__to_be_streamed_again__refused(talk: openai.OpenAI, say: Say) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        talk.responses.retrieve(say("One.").id, stream=True)
    assert raised.value.param == "stream"


def test_response__not_to_be_stored__refused(say: Say, conversation: Conversation) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        say("One.", store=False)
    assert (raised.value.param, kept(conversation)) == ("store", [])


def test_response__another_conversation_is_named_too__refused(say: Say, conversation: Conversation) -> None:
    response = say("One.")
    with pytest.raises(openai.BadRequestError):
        say("Two.", previous_response_id=response.id, conversation=str(uuid4()))


def test_response__two_conversations_are_named__refused(say: Say, conversation: Conversation) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        say("One.", metadata={"conversation": "another"})
    assert raised.value.param == "conversation"
    assert kept(conversation) == []
    assert say("One.", metadata={"conversation": str(conversation.pk)}).output_text == "Hello there."


def test_response__found__with_the_hash_of_its_prompt(
    talk: openai.OpenAI, say: Say, conversation: Conversation
) -> None:
    found = talk.responses.with_raw_response.retrieve(say("One.").id)
    assert found.headers["Prompt-SHA256"] == conversation.messages.get(position=2).prompt_sha256 != ""


def test_response__unknown_conversation__404(say: Say) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        say("One.", conversation=str(uuid4()))
    assert raised.value.code == "conversation_not_found"
