"""Items of the Responses API become the chat messages that say the same."""

from typing import Any

import msgspec
import pytest

from chat.errors import ApiError
from chat.foreign_parameters import FOREIGN
from chat.parameters import NEUTRAL
from chat.requests import converted
from chat.responses.items import messages
from chat.responses.requests import ResponsesRequest, fields_of
from chat.responses.translation import for_chat

USER = {"role": "user", "content": "Hi"}


def read(items: list[dict[str, Any]]) -> list[dict[str, object]]:
    request = msgspec.convert(fields_of({"model": "elara", "input": items}), ResponsesRequest)
    assert not isinstance(request.input, str)
    return messages(request.input)


def said(id: str = "msg_1", *texts: str) -> dict[str, Any]:
    """A message of an answer, as it is received and sent back."""
    content = [
        {"type": "output_text", "text": text, "annotations": [], "logprobs": []} for text in texts or ("Hello.",)
    ]
    return {"type": "message", "id": id, "role": "assistant", "status": "completed", "content": content}


def called(call_id: str, arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": "f", "arguments": arguments}


def returned(call_id: str, output: Any = "4") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def call(call_id: str) -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_items__messages_with_and_without_a_type__chat_messages() -> None:
    parts = [{"type": "input_text", "text": "One"}, {"type": "input_text", "text": "Two"}]
    given: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        USER,
        said("msg_1", "Hel", "lo."),
        {**USER, "content": parts},
    ]
    assert read(given) == [
        {"role": "developer", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]},
    ]


def test_items__one_text_in_a_list__a_text() -> None:
    """Not every model's server reads lists."""
    assert read([{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]) == [USER]


def test_items__what_one_answer_said_and_called__one_message_before_what_was_returned() -> None:
    reasoning: dict[str, Any] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "x",
        "status": None,
    }
    given = [USER, reasoning, said(), called("a"), called("b"), returned("a"), returned("b")]
    answer = {"role": "assistant", "content": "Hello.", "tool_calls": [call("a"), call("b")]}
    tools = [{"role": "tool", "tool_call_id": id, "content": "4"} for id in ("a", "b")]
    assert read(given) == [USER, answer, *tools]


def test_items__text_after_its_calls__nothing_between_calls_and_what_they_return() -> None:
    answer = {"role": "assistant", "content": "Hello.", "tool_calls": [call("a")]}
    assert read([called("a"), said(), returned("a")])[:1] == [answer]


def test_items__texts_around_calls__one_text_in_order() -> None:
    given = [said("msg_1", "a"), called("a"), said("msg_2", "b"), called("b"), said("msg_3", "c")]
    assert read(given) == [{"role": "assistant", "content": "abc", "tool_calls": [call("a"), call("b")]}]


def test_items__calls_one_after_the_other__a_message_each() -> None:
    first, second = ({"role": "assistant", "content": None, "tool_calls": [call(id)]} for id in ("a", "b"))
    given = [called("a"), returned("a"), called("b"), returned("b")]
    assert [message for message in read(given) if message["role"] == "assistant"] == [first, second]


def test_items__refused_before__said_so() -> None:
    content = [{"type": "refusal", "refusal": "No."}]
    assert read([{**said(), "content": content}]) == [{"role": "assistant", "content": "No."}]


def test_items__said_and_refused_before__both_as_chat_says_them() -> None:
    content = [{"type": "output_text", "text": "Hello."}, {"type": "refusal", "refusal": "No."}]
    assert read([{**said(), "content": content}]) == [{"role": "assistant", "content": "Hello.", "refusal": "No."}]


def test_items__image_and_file__in_the_chat_api_s_form() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto", "file_id": None}
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}
    message, empty = read([{"role": "user", "content": [image, file]}, {"role": "user", "content": []}])
    assert empty["content"] == ""
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": image["image_url"], "detail": "auto"}},
        {"type": "file", "file": {"file_data": file["file_data"], "filename": "a.pdf"}},
    ]


@pytest.mark.parametrize(
    ("item", "param", "code"),
    [
        ({"type": "computer_call", "id": "c"}, "input[0].type", None),
        ({"type": "item_reference", "id": "msg_9"}, "input[0]", "item_not_found"),
        ({"id": "msg_9"}, "input[0]", "item_not_found"),
    ],
)
def test_items__not_to_be_said_in_chat__refused_by_name(item: dict[str, Any], param: str, code: str | None) -> None:
    with pytest.raises(ApiError) as raised:
        read([item])
    assert (raised.value.param, raised.value.code) == (param, code)


def chat(**given: Any) -> dict[str, object]:
    request = converted(fields_of({"model": "elara", "input": [USER], **given}), ResponsesRequest)
    return for_chat(request, request.input, request.conversation_id)  # type: ignore[arg-type]


def test_parameters__all_that_chat_has_too__translated() -> None:
    tool = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    schema = {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": True, "description": None}
    assert chat(
        instructions="Be brief.",
        tools=[tool],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
        text={"format": schema, "verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"},
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.5,
        top_logprobs=2,
        user="sam",
        stream=True,
        metadata={"a": "b"},
        conversation={"id": "c"},
    ) == {
        "model": "elara",
        "messages": [USER],
        "tools": [{"type": "function", "function": {name: tool[name] for name in tool if name != "type"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
        },
        "verbosity": "low",
        "reasoning_effort": "low",
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.5,
        "logprobs": True,
        "top_logprobs": 2,
        "user": "sam",
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": {"a": "b", "conversation": "c"},
    }


def test_parameters__neutral_or_about_openai_alone__left_out() -> None:
    neutral = {
        "background": False,
        "tools": [],
        "truncation": "auto",
        "service_tier": "auto",
        "include": [],
        "text": {},
    }
    ignored = {"prompt_cache_options": {}, "max_tool_calls": 3, "instructions": None}
    others = {"tool_choice": "auto", "parallel_tool_calls": True, "reasoning": {"summary": "auto"}, "store": True}
    shown = {"include": ["reasoning.encrypted_content"], "stream_options": {"include_obfuscation": False}}
    assert chat(**neutral, **ignored, **others) == chat() == chat(**shown) == {"model": "elara", "messages": [USER]}


NEUTRAL_IN_CHAT = [(name, value) for name, values in (NEUTRAL | FOREIGN).items() for value in [*values, None]]


@pytest.mark.parametrize(("name", "value"), NEUTRAL_IN_CHAT)
def test_parameters__neutral_in_the_chat_api__left_out(name: str, value: object) -> None:
    assert chat(**{name: value}) == {"model": "elara", "messages": [USER]}


@pytest.mark.parametrize(
    "given", [{"reasoning": {"effort": ""}}, {"text": {"format": {}}}, {"text": {"verbosity": "", "format": None}}]
)
def test_parameters__neutral_where_they_are_told_here__left_out(given: dict[str, Any]) -> None:
    assert chat(**given) == {"model": "elara", "messages": [USER]}


@pytest.mark.parametrize("given", [{"n": 2}, {"n": True}, {"frequency_penalty": 0.5}, {"top_k": 40}, {"stop": "."}])
def test_parameters__with_an_effect_that_are_unknown_here__refused_with_what_to_do(given: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="Leave it out, or have the operator add it to LLM_EXTRA_PARAMETERS") as raised:
        chat(**given)
    assert raised.value.param == next(iter(given))


def test_parameters__neutral_but_listed_by_the_operator__passed_on(settings: Any) -> None:
    settings.LLM_EXTRA_PARAMETERS = ["top_k"]
    assert chat(top_k=0)["top_k"] == 0


def test_parameters__only_some_tools_are_allowed__no_others_are_offered() -> None:
    tools = [{"type": "function", "name": name} for name in ("f", "g")]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}
    asked = chat(tools=tools, tool_choice=allowed)
    assert (asked["tools"], asked["tool_choice"]) == ([{"type": "function", "function": {"name": "g"}}], "required")


@pytest.mark.parametrize(
    "kind", ["web_search", "file_search", "mcp", "code_interpreter", "custom", "web_search_preview"]
)
def test_parameters__tools_of_openai_s__refused_by_name(kind: str) -> None:
    with pytest.raises(ApiError, match=f"'{kind}'") as raised:
        chat(tools=[{"type": "function", "name": "f"}, {"type": kind}])
    assert raised.value.param == "tools[1].type"


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ({"messages": [USER]}, "input"),
        ({"max_tokens": 5}, "max_output_tokens"),
        ({"response_format": {"type": "json_object"}}, "text.format"),
        ({"reasoning_effort": "low"}, "reasoning.effort"),
    ],
)
def test_parameters__of_the_chat_api__refused_with_what_they_are_called_here(
    given: dict[str, Any], instead: str
) -> None:
    with pytest.raises(ApiError, match=f" Send {instead} instead") as raised:
        converted(fields_of({"model": "elara", **given}), ResponsesRequest)
    assert raised.value.param == next(iter(given))


def test_items__what_a_call_returned__follows_it_whatever_stands_between() -> None:
    """As Semantic Kernel sends it: what the user said again, and once more what was returned before."""
    given = [USER, called("c1"), USER, returned("c1"), called("c2"), USER, returned("c1"), returned("c2", "5")]
    assert read(given) == [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call("c1")]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call("c2")]},
        {"role": "tool", "tool_call_id": "c2", "content": "5"},
        USER,
    ]


def test_items__calls_of_one_id__each_with_what_it_returned() -> None:
    """Some models number their calls anew in each answer."""
    given = [USER, called("c1"), returned("c1"), called("c1"), returned("c1", "5")]
    assert [message.get("content") for message in read(given)] == ["Hi", None, "4", None, "5"]
