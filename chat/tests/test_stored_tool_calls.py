"""Calls of tools in an answer that is kept: both APIs tell them as they are kept, or tell an error and keep nothing."""

import json
from typing import Any

import openai
import pytest

from chat.responses import output
from chat.tests import model_server
from chat.tests.conftest import Say
from chat.tests.model_server import ModelServer
from chat.tests.responses.test_create import answering
from chat.tests.test_recording import DONE, delta, kept, turn
from conversations.models import Conversation

SAID = "Let me see."


def called(name: str, arguments: object, id: str = "x", **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


BROKEN = {
    "the name of a function in its place": {"id": "c1", "type": "function", "function": "now"},
    "a list in its place": {"id": "c1", "type": "function", "function": ["now"]},
    "a number in its place": {"id": "c1", "type": "function", "function": 5},
    "a function without a name": {"id": "c1", "type": "function", "function": {"arguments": "{}"}},
    "a name that is no text": {"id": "c1", "function": {"name": 5, "arguments": "{}"}},
    "an empty name": {"id": "c1", "function": {"name": "", "arguments": "{}"}},
    "a blank name": {"id": "c1", "function": {"name": " ", "arguments": "{}"}},
    "a name that is too long": {"id": "c1", "function": {"name": "f" * 513, "arguments": "{}"}},
    "neither a function nor a custom tool": {"id": "c1", "type": "mcp", "mcp": {"name": "now"}},
    "nothing that is called": {"id": "c1", "type": "function", "function": None},
    "an id that is no text": {"id": {"a": 1}, "function": {"name": "now", "arguments": "{}"}},
    "a custom tool of no shape": {"id": "c1", "type": "custom", "custom": "now"},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("name", BROKEN)
def test_call__that_cannot_be_told__an_error_and_nothing_kept(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation, name: str, api: str, stream: bool
) -> None:
    model.behaviour = answering({"content": SAID, "tool_calls": [BROKEN[name]]}, "tool_calls")
    common: Any = {"model": "elara", "metadata": {"conversation": str(conversation.pk)}, "stream": stream}
    said: Any = {"messages": [{"role": "user", "content": "One."}]} if api == "chat" else {"input": "One."}
    create: Any = talk.chat.completions.create if api == "chat" else talk.responses.create
    with pytest.raises(openai.APIError) as raised:
        list(create(**said, **common))
    assert raised.value.code == "upstream_broken"
    assert kept(conversation) == []


SEPARATE = {
    "one id": [called("f", '{"a":1}'), called("g", '{"b":2}')],
    "one id and one index": [called("f", '{"a":1}', index=0), called("g", '{"b":2}', index=0)],
    "all alike": [called("f", "{}"), called("f", "{}")],
    "arguments as an object": [called("f", {"a": 1})],
    "custom tools": [{"id": "x", "type": "custom", "custom": {"name": n, "input": "1"}} for n in "fg"],
}


@pytest.mark.parametrize("name", SEPARATE)
def test_whole__calls__each_by_itself_and_told_as_they_are_kept(
    say: Say, talk: openai.OpenAI, model: ModelServer, conversation: Conversation, name: str
) -> None:
    model.behaviour = answering({"content": SAID, "tool_calls": SEPARATE[name]}, "tool_calls")
    first, again = (say("One.", "turn-1").choices[0].message for _ in range(2))
    told = [call.to_dict() for call in first.tool_calls]
    assert [call.to_dict() for call in again.tool_calls] == told
    assert kept(conversation) == turn(SAID, told)
    assert len(told) == len(SEPARATE[name])
    found: Any = talk.responses.retrieve(f"resp_{conversation.messages.get(position=2).pk.hex}")
    assert [item.name for item in found.output[1:]] == [
        (call.get("function") or call["custom"])["name"] for call in told
    ]


def test_responses__whole_calls_of_one_id__each_told(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation
) -> None:
    model.behaviour = answering({"content": None, "tool_calls": SEPARATE["one id"]}, "tool_calls")
    places: list[Any] = [{}, {"metadata": {"conversation": str(conversation.pk)}}]
    for named in places:
        response: Any = talk.responses.create(model="elara", input="One.", **named)
        assert [(item.name, item.arguments) for item in response.output] == [("f", '{"a":1}'), ("g", '{"b":2}')]
    assert len(kept(conversation)[1][2]) == 2


def piece(arguments: str, **function: Any) -> dict[str, Any]:
    return {"index": 0, "id": "x", "function": {**function, "arguments": arguments}}


@pytest.mark.parametrize(
    ("pieces", "name"),
    [
        ([piece('{"a"', name="f"), piece(":1}", name="f")], "f"),
        ([piece("", name="get_"), piece("", name="it"), piece('{"a":1}')], "get_it"),
        ([{"index": 0, "id": "x"}, piece('{"a":1}', name="f"), {"index": 0, "id": "y"}], "f"),
    ],
)
def test_stream__an_id_and_a_name_in_many_pieces__kept_as_clients_join_them(
    say: Say, model: ModelServer, conversation: Conversation, pieces: list[Any], name: str
) -> None:
    model.behaviour = model_server.streaming(*(delta(tool_calls=[each]) for each in pieces), delta("tool_calls"), DONE)
    deltas = [choice.delta for event in say("One.", stream=True) for choice in event.choices]
    calls = [call for each in deltas for call in each.tool_calls or []]
    assert "".join(call.id or "" for call in calls) == "x"
    assert "".join(call.function.name or "" for call in calls if call.function) == name
    assert kept(conversation) == turn("", [called(name, '{"a":1}')])


SHAPES = {
    "an index of 0 each, as Ollama": [called("f", '{"a":1}', "c1", index=0), called("g", "{}", "c2", index=0)],
    "no index": [called("f", '{"a":1}', "c1"), called("g", "{}", "c2")],
    "arguments as objects": [called("f", {"a": 1}, "c1", index=0), called("g", {}, "c2", index=1)],
    "no arguments": [called("f", '{"a":1}', "c1", index=0), {"index": 1, "id": "c2", "function": {"name": "g"}}],
}


@pytest.mark.parametrize("name", SHAPES)
def test_stream__calls_in_any_shape__the_client_has_what_is_kept_and_can_go_on(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation, name: str
) -> None:
    model.behaviour = model_server.streaming(
        *(delta(tool_calls=[each]) for each in SHAPES[name]), delta("tool_calls"), DONE
    )
    common: Any = {"model": "elara", "metadata": {"conversation": str(conversation.pk)}}
    with talk.chat.completions.stream(messages=[{"role": "user", "content": "One."}], **common) as stream:
        told = stream.get_final_completion().choices[0].message.tool_calls or []
    said = [(call.id, call.function.name, call.function.arguments) for call in told]
    (_, (_, _, calls)) = kept(conversation)
    assert said == [(call["id"], *map(call["function"].get, ("name", "arguments"))) for call in calls]
    assert [id for id, _, _ in said] == ["c1", "c2"]
    results: Any = [{"role": "tool", "tool_call_id": call.id, "content": "1"} for call in told]
    model.behaviour = model_server.streaming(delta("stop", content="Done."), DONE)
    assert list(talk.chat.completions.create(messages=results, stream=True, **common))
    assert len(kept(conversation)) == 5


def test_responses__a_name_goes_on_after_it_was_told__an_error_and_nothing_kept(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation
) -> None:
    pieces = [piece("", name="get_"), piece("{}", name="it")]
    model.behaviour = model_server.streaming(*(delta(tool_calls=[each]) for each in pieces), delta("tool_calls"), DONE)
    common: Any = {"model": "elara", "metadata": {"conversation": str(conversation.pk)}, "stream": True}
    with pytest.raises(openai.APIError, match="broken"):
        list(talk.responses.create(input="One.", **common))
    assert kept(conversation) == []


def test_whole__logprobs_that_cannot_be_told__nothing_kept(
    talk: openai.OpenAI, model: ModelServer, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an API cannot tell, it is tried before the answer is kept: here, more than it holds of them."""
    monkeypatch.setattr(output, "MAX_LIKELY_SIZE", 1000)
    likely = {"content": [{"token": "x" * 50}] * 4000}
    choices = [{"message": {"content": "x"}, "logprobs": likely, "finish_reason": "stop"}]
    body = json.dumps({"choices": choices}, separators=(",", ":")).encode()
    model.behaviour = model_server.status("200 OK", body)
    common: Any = {"model": "elara", "metadata": {"conversation": str(conversation.pk)}, "top_logprobs": 1}
    with pytest.raises(openai.APIError, match="broken"):
        talk.responses.create(input="One.", **common)
    assert kept(conversation) == []
