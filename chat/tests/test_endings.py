"""How an answer ended is kept, and told again: under its key by both APIs, and where a response is found again."""

from collections.abc import Callable
from typing import Any

import openai
import pytest

from chat.tests import model_server
from chat.tests.conftest import Say
from chat.tests.model_server import ModelServer
from chat.tests.responses.test_conversation_responses import in_pieces
from chat.tests.responses.test_create import CALL, answering
from chat.tests.test_recording import DONE, delta, event, whole
from conversations import turns
from conversations.models import MAX_FINISH_REASON, Conversation, Role
from conversations.turns import Draft

REFUSED = {"content": None, "refusal": "I cannot."}
SAID = {"content": "Hello"}
SAID_AND_REFUSED = {"content": "Hello.", "refusal": "I cannot go on."}
ENDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "cut off by a limit": (SAID, "length"),
    "cut off by a filter": (SAID, "content_filter"),
    "as usual": (SAID, "stop"),
    "for a reason of the server's own": (SAID, "eos"),
    "refused": (REFUSED, "stop"),
    "refused and cut off": (REFUSED, "length"),
    "said and refused": (SAID_AND_REFUSED, "stop"),
    "said, refused and called": (SAID_AND_REFUSED | {"tool_calls": [CALL]}, "tool_calls"),
    "a call": ({"content": None, "tool_calls": [CALL]}, "tool_calls"),
    "a call, cut off": ({"content": "Let me see.", "tool_calls": [CALL]}, "length"),
}
Told = tuple[str, str, str]


def chat_told(answer: Any, stream: bool) -> Told:
    """What is said, what is refused, and why it ended."""
    choices = [choice for event in answer for choice in event.choices] if stream else answer.choices
    messages = [choice.delta if stream else choice.message for choice in choices]
    return (
        "".join(message.content or "" for message in messages),
        "".join(message.refusal or "" for message in messages),
        choices[-1].finish_reason,
    )


@pytest.fixture
def respond(talk: openai.OpenAI, conversation: Conversation) -> Callable[..., Any]:
    def send(said: str, key: str, *, stream: bool) -> Any:
        arguments: Any = {"model": "elara", "input": said, "conversation": str(conversation.pk), "stream": stream}
        answer: Any = talk.responses.create(extra_headers={"Idempotency-Key": key}, **arguments)
        return list(answer)[-1].response if stream else answer

    return send


def response_told(response: Any) -> Any:
    return response.status, response.incomplete_details, [item.to_dict() for item in response.output]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ENDINGS)
def test_chat__sent_again__ends_as_it_did(say: Say, model: ModelServer, name: str, stream: bool) -> None:
    model.behaviour = answering(*ENDINGS[name])
    message, reason = ENDINGS[name]
    first = chat_told(say("One.", "turn-1", stream=stream), stream)
    assert first == (message["content"] or "", message.get("refusal", ""), reason)
    assert [chat_told(say("One.", "turn-1", stream=again), again) for again in (False, True)] == [first, first]
    assert len(model.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ENDINGS)
def test_responses__sent_again_and_found__end_as_it_did(
    talk: openai.OpenAI, respond: Callable[..., Any], model: ModelServer, name: str, stream: bool
) -> None:
    model.behaviour = answering(*ENDINGS[name])
    first = respond("One.", "turn-1", stream=stream)
    again = [respond("One.", "turn-1", stream=again) for again in (False, True)]
    found = talk.responses.retrieve(first.id)
    assert [response_told(each) for each in (*again, found)] == [response_told(first)] * 3
    assert bool(found.completed_at) == (found.status == "completed")
    assert len(model.requests) == 1


@pytest.mark.parametrize("more", [0, 1])
def test_chat__a_reason_longer_than_any__told_but_not_kept(
    say: Say, model: ModelServer, conversation: Conversation, more: int
) -> None:
    reason = "x" * (MAX_FINISH_REASON + more)
    model.behaviour = answering(SAID, reason)
    assert [chat_told(say("One.", "turn-1"), False)[2] for _ in range(2)] == [reason, "stop" if more else reason]
    assert conversation.messages.get(position=2).finish_reason == ("" if more else reason)


def test_answers_of_a_former_release__as_before(
    talk: openai.OpenAI, say: Say, respond: Callable[..., Any], conversation: Conversation
) -> None:
    turns.append(conversation, [Draft(Role.USER, "One."), Draft(Role.ASSISTANT, "Hello.")], "turn-1")
    assert chat_told(say("One.", "turn-1"), False) == ("Hello.", "", "stop")
    response = respond("One.", "turn-1", stream=False)
    found = talk.responses.retrieve(f"resp_{conversation.messages.get(position=2).pk.hex}")
    assert (response.status, found.status, found.output_text) == ("completed", "completed", "Hello.")


@pytest.mark.parametrize("content", [None, ""])
def test_refusal__in_a_later_turn__the_model_hears_it_as_text(
    say: Say, model: ModelServer, content: str | None
) -> None:
    model.behaviour = answering(REFUSED | {"content": content})
    say("One.")
    say("Two.")
    assert {"role": "assistant", "content": "I cannot."} in model.requests[1][1]["messages"]


NO_REASON: dict[str, tuple[dict[str, Any], str]] = {
    "text": (SAID, "stop"),
    "calls": ({"content": None, "tool_calls": [CALL]}, "tool_calls"),
    "a list of no call": ({**SAID, "tool_calls": [{}]}, "stop"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", NO_REASON)
def test_chat__no_reason__told_the_one_that_it_is_told_again(
    say: Say, model: ModelServer, name: str, stream: bool
) -> None:
    message, reason = NO_REASON[name]
    model.behaviour = model_server.streaming(delta(**message), DONE) if stream else whole(None, **message)
    told = [chat_told(say("One.", "turn-1", stream=stream), stream) for _ in range(2)]
    assert told == [(message["content"] or "", "", reason)] * 2


def test_chat__a_null_after_the_usage__the_usage_told_last(say: Say, model: ModelServer) -> None:
    usage = (event(choices=[], usage=each) for each in ({"total_tokens": 9}, None))
    model.behaviour = model_server.streaming(delta("stop", **SAID), *usage, DONE)
    *_, finish, last = say("One.", stream=True)
    assert (finish.choices[0].finish_reason, last.choices, last.usage.total_tokens) == ("stop", [], 9)


def test_chat__usage_with_the_text_and_no_reason__told_with_the_text_alone(say: Say, model: ModelServer) -> None:
    choices = [{"index": 0, "delta": SAID, "finish_reason": None}]
    model.behaviour = model_server.streaming(event(choices=choices, usage={"total_tokens": 9}), DONE)
    told = [
        (each.choices[0].finish_reason, each.usage and each.usage.total_tokens) for each in say("One.", stream=True)
    ]
    assert told == [(None, 9), ("stop", None)]


PARTS = [{"type": "text", "text": "Hello."}, {"type": "refusal", "refusal": "I cannot go on."}]
WEATHER = {"role": "tool", "tool_call_id": "call_1", "content": "Rain."}


@pytest.mark.parametrize("calls", [{}, {"tool_calls": [CALL]}])
def test_said_and_refused__in_a_later_turn__the_model_hears_both_as_it_said_them(
    say: Say, model: ModelServer, conversation: Conversation, calls: dict[str, Any]
) -> None:
    model.behaviour = answering(SAID_AND_REFUSED | calls)
    say("One.")
    say("Two.")
    (heard,) = [each for each in model.requests[1][1]["messages"] if each["role"] == "assistant"]
    assert {**heard, "tool_calls": None} == {"role": "assistant", **SAID_AND_REFUSED, "tool_calls": None}
    kept = conversation.messages.get(position=2)
    assert (kept.content, kept.parts, kept.is_refusal) == ("Hello.I cannot go on.", PARTS, False)


def test_said_and_refused__sent_back_with_what_it_called__known(say: Say, model: ModelServer) -> None:
    model.behaviour = answering(SAID_AND_REFUSED)
    say("One.")
    model.behaviour = answering({"content": None, "tool_calls": [CALL]}, "tool_calls")
    say("Two.")
    called = {"role": "assistant", "tool_calls": [{name: CALL[name] for name in ("id", "type", "function")}]}
    said = [{"role": "assistant", **SAID_AND_REFUSED}, {"role": "user", "content": "Two."}, called]
    model.behaviour = answering(SAID)
    assert chat_told(say("", messages=[*said, WEATHER]), False)[0] == "Hello"


def test_said_and_refused_by_turns__told_again_in_order(
    talk: openai.OpenAI, respond: Callable[..., Any], model: ModelServer
) -> None:
    pieces = [("content", "He"), ("content", "llo."), ("refusal", "I "), ("refusal", "cannot."), ("content", "Bye.")]
    model.behaviour = in_pieces(*({field: text} for field, text in pieces))
    first, again = [respond("One.", "turn-1", stream=True) for _ in range(2)]
    assert [part.type for part in first.output[0].content] == ["output_text", "refusal", "output_text"]
    found = talk.responses.retrieve(first.id)
    assert [response_told(each) for each in (again, found)] == [response_told(first)] * 2


@pytest.mark.parametrize("more", [0, 1])
def test_said_and_refused_by_turns__as_many_as_are_allowed__kept_and_one_more_an_error(
    say: Say, model: ModelServer, conversation: Conversation, caplog: pytest.LogCaptureFixture, more: int
) -> None:
    refused = {"refusal": "No."}
    model.behaviour = in_pieces(*[SAID, SAID, refused, refused] * 32, *[SAID] * more)
    if more:
        with pytest.raises(openai.APIError, match="broken"):
            list(say("One.", stream=True))
        assert "more than 63 times" in caplog.text
    else:
        list(say("One.", stream=True))
    assert conversation.messages.exists() is not bool(more)
