"""An answer as the events of the Responses API: in order, numbered, and as OpenAI's own types have them."""

import json
from http import HTTPStatus
from typing import Any, Union
from uuid import UUID

import msgspec
import openai
import pydantic
import pytest
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent

from chat.errors import ApiError, api_error, rate_limited
from chat.responses.event_schema import STRUCTS as EVENTS
from chat.responses.format import ResponsesFormat
from chat.responses.output import Output
from chat.responses.requests import ResponsesRequest, fields_of

ID = UUID(int=5)
DOCUMENTED: Any = Union[EVENTS]  # noqa: UP007
TYPE: Any = pydantic.TypeAdapter(ResponseStreamEvent)


def form(**given: Any) -> ResponsesFormat:
    request = msgspec.convert(fields_of({"model": "elara", "input": "Hi", **given}), ResponsesRequest)
    return ResponsesFormat(request, "elara", Output(ID.hex), None)


def chunk(finish: str | None = None, usage: Any = None, **delta: Any) -> Any:
    """A chunk as it comes from a language model's server: only its texts have been decoded."""
    raw = {
        name: value if isinstance(value, str) else msgspec.Raw(msgspec.json.encode(value))
        for name, value in delta.items()
    }
    choice = {"index": 0, "delta": raw, "finish_reason": finish}
    return {"choices": [choice]} | ({"usage": msgspec.Raw(msgspec.json.encode(usage))} if usage else {})


def call(index: int, arguments: str, **begin: Any) -> dict[str, Any]:
    name = {"name": begin.pop("name")} if "name" in begin else {}
    return {"index": index, **begin, "function": {**name, "arguments": arguments}}


def events(told: bytes) -> list[Any]:
    """Each event, checked against the types of OpenAI's client, and against those of our own document."""
    found = []
    for block in told.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        value = json.loads(data.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        TYPE.validate_python(value)
        msgspec.convert(value, DOCUMENTED)
        found.append(value)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def told(*chunks: Any, error: Any = None, **given: Any) -> list[Any]:
    answer = form(**given)
    return events(b"".join([*map(answer.chunk, chunks), answer.end(error)]))


def names(found: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def test_events__a_text__in_order() -> None:
    found = told(chunk(content=""), chunk(content="Hel"), chunk(content="lo"), chunk("stop"))
    assert names(found) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["delta"] for event in found if "delta" in event] == ["Hel", "lo"]
    assert {event["item_id"] for event in found if "item_id" in event} == {f"msg_{ID.hex}"}
    assert (found[-4]["text"], found[-1]["response"]["output"]) == ("Hello", [found[-2]["item"]])
    assert [event["response"]["status"] for event in (found[0], found[1], found[-1])] == [
        "in_progress",
        "in_progress",
        "completed",
    ]


def test_events__text_and_two_calls__each_an_item() -> None:
    found = told(
        chunk(content="Let me see."),
        chunk(tool_calls=[call(0, "", id="a", type="function", name="f")]),
        chunk(tool_calls=[call(0, '{"x"')]),
        chunk(tool_calls=[call(0, ":1}"), call(1, "{}", id="b", name="g")]),
        chunk("tool_calls"),
    )
    assert names(found)[6:] == [
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    output = found[-1]["response"]["output"]
    assert [(item["type"], item["id"], item.get("call_id"), item.get("arguments")) for item in output] == [
        ("message", f"msg_{ID.hex}", None, None),
        ("function_call", f"fc_{ID.hex}", "a", '{"x":1}'),
        ("function_call", f"fc_{ID.hex}_1", "b", "{}"),
    ]
    assert [event["output_index"] for event in found if event["type"].endswith("item.done")] == [0, 1, 2]


def test_events__a_call_without_an_id__has_one_of_ours() -> None:
    (item,) = told(chunk(tool_calls=[call(0, "{}", name="f")]), chunk("tool_calls"))[-1]["response"]["output"]
    assert item["call_id"] == f"call_{ID.hex}_0"


def test_events__a_refusal_after_text__a_part_of_its_own() -> None:
    found = told(chunk(content="Well, "), chunk(refusal="no."), chunk("stop"))
    assert names(found)[3:-2] == [
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
    ]
    text, refusal = found[-1]["response"]["output"][0]["content"]
    assert (text["text"], refusal) == ("Well, ", {"type": "refusal", "refusal": "no."})


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("length", "max_output_tokens"),
        ("MAX_TOKENS", "max_output_tokens"),
        ("content_filter", "content_filter"),
    ],
)
def test_events__cut_short__incomplete(finish: str, reason: str) -> None:
    found = told(chunk(content="Hel"), chunk(finish))
    assert found[-1]["type"] == "response.incomplete"
    assert found[-1]["response"]["incomplete_details"] == {"reason": reason}
    assert {found[-1]["response"]["status"], found[-2]["item"]["status"]} == {"incomplete"}


def test_events__nothing_said__completed_without_output() -> None:
    assert told()[-1]["response"]["output"] == []


def test_events__failed_halfway__an_error_and_a_failed_response() -> None:
    found = told(chunk(content="Hel"), error=rate_limited())
    assert names(found)[-2:] == ["error", "failed"]
    assert (found[-2]["code"], found[-2]["error"]["type"]) == ("rate_limit_exceeded", "requests")
    assert found[-1]["response"]["error"]["code"] == "rate_limit_exceeded"


def test_events__failed_after_silence__the_same() -> None:
    found = told(error=api_error(HTTPStatus.GATEWAY_TIMEOUT, "Too slow.", "upstream_timeout"))
    assert names(found) == ["created", "in_progress", "error", "failed"]
    assert found[-1]["response"]["error"] == {"code": "server_error", "message": "Too slow."}


def test_events__usage__in_the_words_of_the_responses_api() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "prompt_tokens_details": None}
    more = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}}
    found = told(
        chunk(content="Hi"), chunk("stop"), {"choices": [], "usage": msgspec.Raw(json.dumps(usage | more).encode())}
    )
    assert found[-1]["response"]["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 12,
    }
    assert told(chunk("stop", usage={"prompt_tokens": "many"}))[-1]["response"]["usage"] is None


def test_events__logprobs__told_where_they_are_asked_for() -> None:
    likely = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    piece = chunk(content="Hi")
    piece["choices"][0]["logprobs"] = msgspec.Raw(json.dumps({"content": [likely], "refusal": None}).encode())
    asked = told(piece, chunk("stop"), include=["message.output_text.logprobs"])
    assert [event["logprobs"] for event in asked if "logprobs" in event] == [[likely], [likely]]
    assert asked[-1]["response"]["output"][0]["content"][0]["logprobs"] == [likely]
    assert [event["logprobs"] for event in told(piece, chunk("stop")) if "logprobs" in event] == [[], []]


def likely(json: bytes) -> Any:
    piece = chunk(content="Hi")
    piece["choices"][0]["logprobs"] = msgspec.Raw(b'{"content":[' + json + b"]}")
    return piece


@pytest.mark.parametrize(
    ("piece", "times"),
    [
        (chunk(content="x" * 10_000), 200),
        (chunk(content="\x01" * 10_000), 40),
        (chunk(content="x", refusal="y"), 1_000),
        (likely(b",".join([b"1"] * 10_000)), 200),
        (chunk(tool_calls=[call(0, "x" * 10_000, id="a", name="f")]), 200),
        (chunk(tool_calls=[call(0, "x" * 10_000)]), 200),
        (chunk(tool_calls=[call(0, "x", id="a", name="f")] * 100), 1_000),
        (chunk(tool_calls=[{}] * 129), 1),
    ],
)
def test_events__answer_without_end__broken_when_there_is_too_much_of_it(piece: Any, times: int) -> None:
    """It is held until it is complete, and the last events tell all of it once more."""
    answer = form(include=["message.output_text.logprobs"])
    with pytest.raises(ApiError, match="was broken"):
        b"".join(map(answer.chunk, [piece] * times))


def test_events__long_answer_in_small_pieces__told() -> None:
    text, arguments = chunk(content="four"), chunk(tool_calls=[call(0, "four", id="a", name="f")])
    *_, last = told(*[text] * 20_000, *[arguments] * 20_000, chunk("tool_calls"))
    said, called = last["response"]["output"]
    assert said["content"][0]["text"] == called["arguments"] == "four" * 20_000


def test_events__openai_s_client__puts_the_same_answer_together() -> None:
    state: Any = ResponseStreamState(input_tools=[], text_format=openai.omit)
    for event in told(chunk(content="Hi"), chunk(tool_calls=[call(0, "{}", id="a", name="f")]), chunk("tool_calls")):
        state.handle_event(TYPE.validate_python(event))
    assert [item.type for item in state._completed_response.output] == ["message", "function_call"]


def test_whole__as_openai_s_client_has_it_and_repeats_what_was_asked() -> None:
    message = {
        "role": "assistant",
        "content": "Hi",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
    }
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    answer = form(tools=[tool], instructions="Be brief.", metadata={"a": "b"}, max_output_tokens=9, temperature=0.5)
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    value = answer.whole({"choices": [choice], "usage": usage})
    response = Response.model_validate(json.loads(json.dumps(value)))
    assert (response.output_text, response.status, response.model) == ("Hi", "completed", "elara")
    assert (response.instructions, response.metadata, response.max_output_tokens) == ("Be brief.", {"a": "b"}, 9)
    assert response.output[1].to_dict()["call_id"] == "a"
    assert response.tools[0].to_dict()["name"] == "f"


def test_events__several_choices__the_one_that_came_first() -> None:
    """Nobody asked for more; some servers send them all the same."""
    pieces = [(0, "A1", None), (1, "B1", None), (0, "A2", "length"), (1, "B2", "stop")]
    choices = [{"index": index, "delta": {"content": text}, "finish_reason": end} for index, text, end in pieces]
    *_, last = told(*({"choices": [choice]} for choice in choices), {"choices": choices[:2]})
    (said,) = last["response"]["output"]
    assert (said["content"][0]["text"], last["type"]) == ("A1A2A1", "response.incomplete")


def test_events__an_error_about_the_messages__names_the_input() -> None:
    error = ApiError(HTTPStatus.BAD_GATEWAY, "messages: too long.", param="messages", code="context_length_exceeded")
    assert b'"param":"input"' in form().end(error)
    assert b"messages" not in form().end(error)
