"""Answers as the chat API sends them: complete, whatever a language model's server leaves out."""

import json
from typing import Any

import msgspec
import pytest

from chat.backends.upstream_answers import parse_completion
from chat.formats import ChatFormat
from chat.openapi_answers import ChatCompletion, ChatCompletionChunk

LACKING: list[dict[str, Any]] = [
    {},
    {"id": None, "object": None, "created": None},
    {"id": 5, "object": "text_completion", "created": 1.5},
    {"object": "chat.completion", "created": "1700000000"},
]
COMPLETE = {"id": "c1", "created": 1_700_000_000}


def choice(part: str, **more: Any) -> dict[str, Any]:
    return {part: {"role": "assistant", "content": "Hi."}, "finish_reason": "stop", **more}


def told_whole(answer: dict[str, Any]) -> Any:
    return ChatFormat("elara").whole(parse_completion(json.dumps(answer).encode()))


def told_chunk(answer: dict[str, Any]) -> Any:
    event = ChatFormat("elara").chunk(parse_completion(json.dumps(answer).encode()))
    return json.loads(event.removeprefix(b"data: "))


@pytest.mark.parametrize("given", LACKING)
def test_whole__fields_that_a_server_leaves_out__made_up_for(given: dict[str, Any]) -> None:
    told = json.loads(msgspec.json.encode(told_whole({**given, "choices": [choice("message")] * 2})))
    msgspec.convert(told, ChatCompletion)
    assert [each["index"] for each in told["choices"]] == [0, 1]
    assert told["model"] == "elara"


@pytest.mark.parametrize("given", LACKING)
def test_chunk__fields_that_a_server_leaves_out__made_up_for(given: dict[str, Any]) -> None:
    told = told_chunk({**given, "choices": [choice("delta", index=None)]})
    msgspec.convert(told, ChatCompletionChunk)
    assert told["choices"][0]["index"] == 0


def test_chunks_of_one_answer__without_an_id__the_same_for_all() -> None:
    format = ChatFormat("elara")
    answer = parse_completion(json.dumps({"choices": [choice("delta")]}).encode())
    events = {format.chunk(answer) for _ in range(3)}
    assert len(events) == 1
    assert ChatFormat("elara").chunk(answer) not in events


def test_both__what_a_server_says__as_it_is() -> None:
    whole = told_whole({**COMPLETE, "choices": [choice("message", index=7)], "provider": "x"})
    chunk = told_chunk({**COMPLETE, "choices": [choice("delta", index=7)], "provider": "x"})
    for told in (json.loads(msgspec.json.encode(whole)), chunk):
        assert told.items() >= {**COMPLETE, "provider": "x"}.items()
        assert told["choices"][0]["index"] == 7
