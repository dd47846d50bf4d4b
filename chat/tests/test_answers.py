"""Answers in OpenAI's protocol that are built here, by themselves."""

from typing import Any

import pytest

from chat.backends import answers
from chat.backends.answers import AnswerContent

NO_TOKENS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def test_completion__one_choice_that_is_complete() -> None:
    answer = answers.completion(AnswerContent("Hello."))
    (choice,) = answer["choices"]
    assert answer["object"] == "chat.completion"
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["message"] == {"role": "assistant", "content": "Hello.", "refusal": None}
    assert answer["id"] != answers.completion(AnswerContent("Hello."))["id"]


@pytest.mark.parametrize(
    ("options", "has_usage"),
    [({}, False), ({"stream_options": None}, False), ({"stream_options": {}}, False),
     ({"stream_options": {"include_usage": False}}, False), ({"stream_options": {"include_usage": True}}, True)],
)  # fmt: skip
def test_chunks__role_text_end_and_the_usage_if_it_is_wanted(options: dict[str, Any], has_usage: bool) -> None:
    payload: Any = {"messages": []} | options
    begin, piece, end, *usage = answers.chunks(AnswerContent("Hello."), payload)
    deltas = [chunk["choices"][0]["delta"] for chunk in (begin, piece, end)]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hello."}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in (begin, piece, end)] == [None, None, "stop"]
    assert {chunk["choices"][0]["index"] for chunk in (begin, piece, end)} == {0}
    assert [(chunk["usage"], chunk["choices"]) for chunk in usage] == [(NO_TOKENS, [])] * has_usage
    assert {(chunk["id"], chunk["object"]) for chunk in (begin, piece, end, *usage)} == {
        (begin["id"], "chat.completion.chunk")
    }


@pytest.mark.parametrize(
    ("choices", "is_last"),
    [([], False), ([{}], False), ([{"finish_reason": None}], False), ([{"finish_reason": "length"}], True),
     ([{"finish_reason": None}, {"finish_reason": "stop"}], True)],
)  # fmt: skip
def test_is_last__any_choice_has_finished(choices: list[dict[str, Any]], is_last: bool) -> None:
    assert answers.is_last({"choices": choices}) is is_last


@pytest.mark.parametrize(
    ("chunk", "is_usage"),
    [({"choices": [], "usage": {}}, True), ({"choices": []}, False), ({"choices": [{}], "usage": {}}, False)],
)
def test_is_usage__nothing_but_the_usage(chunk: Any, is_usage: bool) -> None:
    assert answers.is_usage(chunk) is is_usage
