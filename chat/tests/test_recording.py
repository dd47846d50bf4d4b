"""What is kept of an answer is what its caller was told, or nothing is and the caller was told an error."""

import json
from time import sleep
from typing import Any

import openai
import pytest

from chat import recording
from chat.backends import tool_calls
from chat.recording import store_turn
from chat.tests import model_server
from chat.tests.conftest import Say
from chat.tests.model_server import ModelServer
from conversations.models import Conversation

Kept = list[tuple[str, str, Any]]
DONE = b"data: [DONE]\n\n"


def event(**fields: Any) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def delta(finish: str | None = None, **fields: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": finish}])


def whole(finish: str | None = "stop", **fields: Any) -> model_server.Behaviour:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", **fields}, "finish_reason": finish}]}
    return model_server.status("200 OK", json.dumps(body).encode())


def kept(conversation: Conversation) -> Kept:
    return list(conversation.messages.order_by("position").values_list("role", "content", "tool_calls"))


def turn(text: str, calls: Any = None) -> Kept:
    return [("user", "One.", None), ("assistant", text, calls)]


def text_of(events: list[Any]) -> str:
    choices = [choice for event in events for choice in event.choices]
    return "".join((choice.delta.content or "") + (choice.delta.refusal or "") for choice in choices)


HELLO, THERE = delta(content="Hello "), delta(content="there.")
TOKENS = {"total_tokens": 9}
USAGE = event(choices=[], usage=TOKENS)
ENDS_WELL = {
    "empty reasons": ([delta("", content="Hello "), delta("", content="there."), delta("stop"), DONE], "Hello there."),
    "empty reasons alone": ([delta("", content="Hello "), delta("", content="there."), DONE], "Hello there."),
    "text after the reason": ([delta("stop", content="Hello "), THERE, DONE], "Hello there."),
    "text between reasons": ([delta("length", content="Hello "), THERE, delta("stop"), DONE], "Hello there."),
    "text and usage with the reason": (
        [HELLO, event(choices=[{"delta": {"content": "there."}, "finish_reason": "stop"}], usage=TOKENS), DONE],
        "Hello there.",
    ),
    "text with the reason": ([HELLO, delta("stop", content="there."), USAGE, DONE], "Hello there."),
    "no reason": ([HELLO, THERE, DONE], "Hello there."),
    "closed": ([HELLO, delta("stop", content="there.")], "Hello there."),
    "usage, then closed": ([HELLO, delta("stop", content="there."), USAGE], "Hello there."),
    "usage without choices": (
        [HELLO, event(usage={}), delta("stop", content="there."), event(usage={}), DONE],
        "Hello there.",
    ),
    "NUL": ([delta(content="a\0"), delta("stop", content="\0b"), DONE], "a\ufffd\ufffdb"),
    "not UTF-8": ([HELLO.replace(b"llo", b"\xff"), delta("stop"), DONE], "He\ufffd "),
    "parts": ([delta(content=[{"type": "text", "text": "Hello "}]), THERE, delta("stop"), DONE], "Hello there."),
    "refusal": ([delta(refusal="I can"), delta("stop", refusal="not."), DONE], "I cannot."),
    "another choice": (
        [
            event(choices=[{"index": 0, "delta": {"content": "Hello "}}, {"index": 1, "delta": {"content": "Go"}}]),
            event(choices=[{"index": 1, "delta": {"content": " away."}, "finish_reason": "stop"}], usage=TOKENS),
            event(choices=[{"delta": {"content": "there."}}, {"delta": {"content": "No."}}]),
            delta("stop"),
            DONE,
        ],
        "Hello there.",
    ),
    "cut off by a filter": ([HELLO, delta("content_filter"), DONE], "Hello "),
}


@pytest.mark.parametrize("name", ENDS_WELL)
def test_stream__ends_well__kept_as_told(say: Say, model: ModelServer, conversation: Conversation, name: str) -> None:
    pieces, text = ENDS_WELL[name]
    model.behaviour = model_server.streaming(*pieces)
    told = list(say("One.", stream=True))
    assert text_of(told) == text
    assert all(len(chunk.choices) == 1 or chunk.usage for chunk in told)
    totals = [chunk.usage.total_tokens for chunk in told if chunk.usage and chunk.usage.total_tokens]
    assert totals == [9] * (b"total_tokens" in b"".join(pieces))
    assert kept(conversation) == turn(text)


@pytest.mark.parametrize("end", [{}, None])
def test_stream__a_reason_without_text__one_chunk(say: Say, model: ModelServer, end: dict[str, Any] | None) -> None:
    model.behaviour = model_server.streaming(HELLO, event(choices=[{"delta": end, "finish_reason": "stop"}]), DONE)
    told = [choice.finish_reason for chunk in say("One.", stream=True) for choice in chunk.choices]
    assert told == [None, "stop"]


ERROR = {"message": "boom", "code": 500}
FAILS = {
    "cut off after empty reasons": [delta("", content="Hello "), delta("", content="there.")],
    "an error": [HELLO, event(error=ERROR)],
    "an error and a reason": [
        HELLO,
        event(error=ERROR, choices=[{"index": 0, "delta": {}, "finish_reason": "error"}]),
        DONE,
    ],
    "an error without choices": [HELLO, event(error=ERROR, choices=[]), DONE],
    "a reason that is an error": [HELLO, delta("error", content=""), DONE],
    "an error after the reason": [HELLO, delta("stop"), event(error="boom"), DONE],
    "an event named error": [HELLO, b"event: error\ndata: boom\n\n", DONE],
    "a failure": [HELLO, event(success=False, errors=[ERROR]), DONE],
    "an event named exception": [HELLO, b"event: exception\ndata: boom\n\n", DONE],
    "nothing, and done": [delta(content=""), DONE],
    "nothing but white space": [delta(content=" \n"), delta("stop"), DONE],
    "nothing, by a filter": [delta("content_filter"), DONE],
    "a lone surrogate": [HELLO, HELLO.replace(b"Hello", b"\\ud83d"), delta("stop"), DONE],
    "a lone surrogate in a call": [HELLO, delta("stop", tool_calls=[{"function": {"name": "f\ud800"}}]), DONE],
    "NUL in a call": [HELLO, delta("stop", tool_calls=[{"function": {"name": "f\0"}}]), DONE],
    "calls of another shape": [HELLO, delta("stop", tool_calls=5), DONE],
    "text and refusal by many turns": [*[HELLO, delta(refusal="No.")] * 33, delta("stop"), DONE],
    "too many calls": [HELLO, delta("stop", tool_calls=[{"function": {"name": "f"}}] * 129), DONE],
}


@pytest.mark.parametrize("name", FAILS)
def test_stream__fails__told_an_error_and_nothing_kept(
    say: Say, model: ModelServer, conversation: Conversation, name: str
) -> None:
    model.behaviour = model_server.streaming(*FAILS[name])
    told: list[Any] = []
    with pytest.raises(openai.APIError) as raised:
        told.extend(say("One.", stream=True))
    assert not any(choice.finish_reason for chunk in told for choice in chunk.choices)
    assert str(raised.value.code).startswith("upstream_")
    assert kept(conversation) == []


WHOLE_FAILS = {
    "an error": model_server.status("200 OK", json.dumps({"error": ERROR}).encode()),
    "an error in its choice": model_server.status("200 OK", json.dumps({"choices": [{"error": ERROR}]}).encode()),
    "a reason that is an error": whole("error", content="Hello"),
    "no choice": model_server.status("200 OK", b'{"choices": []}'),
    "null": whole(content=None),
    "nothing": whole(content=""),
    "a filter": whole("content_filter", content=None),
    "a lone surrogate in a call": whole(tool_calls=[{"function": {"name": "f\ud800"}}]),
}


@pytest.mark.parametrize("name", WHOLE_FAILS)
def test_whole__fails__502_and_nothing_kept(
    say: Say, model: ModelServer, conversation: Conversation, name: str
) -> None:
    model.behaviour = WHOLE_FAILS[name]
    with pytest.raises(openai.InternalServerError) as raised:
        say("One.")
    assert raised.value.status_code == 502
    assert str(raised.value.code).startswith("upstream_")
    assert kept(conversation) == []


def test_answer__nothing_in_it__the_reason_told(say: Say, model: ModelServer, conversation: Conversation) -> None:
    model.behaviour = whole("content_filter", content=None)
    with pytest.raises(openai.InternalServerError, match=r"empty \(content_filter\)") as raised:
        say("One.")
    assert raised.value.code == "upstream_empty"
    model.behaviour = model_server.answer
    say("Two.")
    assert [message["content"] for message in model.requests[-1][1]["messages"][1:]] == ["Two."]


def test_whole__several_choices__the_first_told_and_kept(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    choices = [{"index": index, "message": {"content": text}} for index, text in enumerate(("Hello.", "Go away."))]
    model.behaviour = model_server.status("200 OK", json.dumps({"choices": choices}).encode())
    assert [choice.message.content for choice in say("One.").choices] == ["Hello."]
    assert kept(conversation) == turn("Hello.")


def test_whole__a_refusal__kept_as_the_text_that_was_told(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = whole(content=None, refusal="I cannot.")
    assert say("One.").choices[0].message.refusal == "I cannot."
    assert kept(conversation) == turn("I cannot.")


CALLS = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]
PIECES = [
    delta(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a'}}]),
    delta("tool_calls", tool_calls=[{"index": 0, "function": {"arguments": '": 1}'}}]),
]


def calls_told(events: list[Any]) -> str:
    deltas = [choice.delta for event in events for choice in event.choices]
    return "".join(call.function.arguments or "" for delta in deltas for call in delta.tool_calls or [])


@pytest.mark.parametrize("stream", [False, True])
def test_answer__calls_alone__kept_and_told_again_under_its_key(
    say: Say, model: ModelServer, conversation: Conversation, stream: bool
) -> None:
    model.behaviour = (
        model_server.streaming(*PIECES, DONE) if stream else whole("tool_calls", content=None, tool_calls=CALLS)
    )
    for _ in range(2):
        answer = say("One.", "turn-1", stream=stream)
        if stream:
            events = list(answer)
            assert calls_told(events) == '{"a": 1}'
            assert [choice.finish_reason for choice in events[-1].choices] == ["tool_calls"]
        else:
            assert answer.choices[0].message.tool_calls[0].to_dict() == CALLS[0]
            assert answer.choices[0].finish_reason == "tool_calls"
    assert kept(conversation) == turn("", CALLS)
    assert len(model.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("id", [{}, {"id": None}, {"id": ""}])
def test_answer__calls_without_ids__told_and_kept_with_the_same(
    say: Say, model: ModelServer, conversation: Conversation, stream: bool, id: dict[str, Any]
) -> None:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"index": index, **id, "function": function} for index in range(2)]
    late = delta("tool_calls", tool_calls=[{"index": 0, "id": "late"}])
    model.behaviour = model_server.streaming(delta(tool_calls=calls), late, DONE) if stream else whole(tool_calls=calls)
    answer = say("One.", stream=stream)
    messages = [choice.delta for event in answer for choice in event.choices] if stream else [answer.choices[0].message]
    told = [call.id for message in messages for call in message.tool_calls or [] if call.id]
    key = conversation.messages.get(position=2).pk.hex
    assert told == [f"call_{key}_0", f"call_{key}_1"]
    assert kept(conversation) == turn("", [{"type": "function", "id": id, "function": function} for id in told])
    model.behaviour = model_server.answer
    say("", messages=[{"role": "tool", "tool_call_id": id, "content": "2"} for id in told])


def test_answer__a_legacy_call__told_and_kept_as_a_call(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = whole("function_call", content=None, function_call={"name": "f", "arguments": "{}"})
    (call,) = say("One.").choices[0].message.tool_calls
    assert (call.id, call.function.name) == (kept(conversation)[1][2][0]["id"], "f")


def test_stream__a_legacy_call_in_pieces__each_told_once(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    pieces = [delta(function_call=piece) for piece in ({"name": "f", "arguments": '{"a": '}, {"arguments": "1}"})]
    model.behaviour = model_server.streaming(*pieces, delta("function_call"), DONE)
    assert calls_told(list(say("One.", stream=True))) == '{"a": 1}'
    assert kept(conversation)[1][2][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}


@pytest.mark.parametrize("less", [0, 1])
def test_stream__as_much_of_calls_as_is_allowed__kept_and_one_byte_more_an_error(
    say: Say, model: ModelServer, conversation: Conversation, monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    monkeypatch.setattr(tool_calls, "MAX_BYTES", 2 * len(json.dumps(CALLS)) - less)
    model.behaviour = model_server.streaming(*[delta(tool_calls=CALLS)] * 2, delta("tool_calls"), DONE)
    if less:
        with pytest.raises(openai.APIError, match="broken"):
            list(say("One.", stream=True))
    else:
        list(say("One.", stream=True))
    assert bool(kept(conversation)) is not bool(less)


def test_stream__no_end_after_the_reason__text_at_once_and_the_end_when_it_is_kept(
    say: Say, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = model_server.streaming(
        HELLO, delta("stop", content="there."), event(usage={"total_tokens": 5}), then=model_server.silent
    )
    finished = [(text_of([chunk]), bool(chunk.choices and chunk.choices[0].finish_reason), bool(kept(conversation)))
                for chunk in say("One.", stream=True)]  # fmt: skip
    assert finished == [("Hello ", False, False), ("there.", False, False), ("", True, True), ("", False, True)]


def test_stream__its_time_is_over_while_the_answer_is_stored__told_to_its_end(
    say: Say, model: ModelServer, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_slowly(*arguments: Any) -> Any:
        sleep(1.5)  # the stream may take a second
        return store_turn(*arguments)

    monkeypatch.setattr(recording, "store_turn", store_slowly)
    model.behaviour = model_server.streaming(HELLO, delta("stop"), DONE)
    assert text_of(list(say("One.", stream=True))) == "Hello "
    assert kept(conversation) == turn("Hello ")
