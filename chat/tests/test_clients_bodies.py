"""What clients send is passed on to the language model as far as it has an effect, and none of it is refused."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from chat import openapi
from chat.errors import ApiError
from chat.requests import checked, read
from chat.tests.bodies import BODIES, CALLED, PNG, TOOL, M

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
FILE = {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}


def passed_on(**given: Any) -> dict[str, Any]:
    """What the language model is sent of a request, without our prompt."""
    body = json.dumps({"model": "elara", "messages": M} | given).encode()
    request = asyncio.run(read(body, b"application/json"))
    sent = request.passed_on() | {"messages": msgspec.to_builtins(request.messages)}
    return {name: value for name, value in sent.items() if value is not False or name != "stream"}


def refused(**given: Any) -> ApiError:
    """The error that such a request is answered with."""
    with pytest.raises(ApiError) as raised:
        passed_on(**given)
    assert raised.value.status == 400
    return raised.value


def shown(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize("id", ["", None])
def test_body__calls_and_results_without_ids__passed_on_as_a_server_gave_them(id: str | None) -> None:
    """The server of some models gives its calls none."""
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    given = [*M, {"role": "assistant", "tool_calls": [{"id": id, **call}]}]
    result = {"role": "tool", "content": "2"}
    messages = passed_on(messages=[*given, {**result, "tool_call_id": id}])["messages"]
    assert messages[1:] == [{"role": "assistant", "tool_calls": [{"id": "", **call}]}, {**result, "tool_call_id": ""}]


def test_body__a_number_beyond_any_double__400_that_names_it() -> None:
    """PostgreSQL, which keeps parts as JSON, has no infinity there."""
    body = b'{"model": "elara", "messages": [{"role": "user", "content": "Hi"}], "tools": [{"x": 1e400}]}'
    with pytest.raises(ApiError) as raised:
        asyncio.run(read(body, b"application/json"))
    assert (raised.value.status, raised.value.param) == (400, "tools.0.x")


@pytest.mark.parametrize("client", BODIES)
def test_body__of_a_client__passed_on_as_far_as_it_has_an_effect(client: str) -> None:
    given, expected = BODIES[client]
    assert passed_on(**given) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"top_k": 40},
        {"top_k": 0},
        {"min_p": 0.05, "repeat_penalty": 1.1},
        {"chat_template_kwargs": {"thinking": True}},
    ],
)
def test_parameters__that_the_operator_lists__passed_on_whatever_they_say(settings: Any, given: dict[str, Any]) -> None:
    settings.LLM_EXTRA_PARAMETERS = ["top_k", "min_p", "repeat_penalty", "chat_template_kwargs", "temperature"]
    assert passed_on(**given, temperature=1) == given | {"temperature": 1, "messages": M}


def test_metadata__that_a_gateway_reads_without_storing__passed_on_if_the_operator_lists_it(settings: Any) -> None:
    settings.LLM_EXTRA_PARAMETERS = ["metadata"]
    assert passed_on(metadata={"a": "b", "conversation": "c"})["metadata"] == {"a": "b"}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"top_k": 40}, "top_k"),
        ({"min_p": 0.05, "repeat_penalty": 1.1}, "min_p"),
        ({"provider": {"data_collection": "deny"}}, "provider"),
        ({"base_url": "http://169.254.169.254"}, "base_url"),
        ({"x" * 900_000: 1}, "x" * 64),
    ],
)
def test_parameters__that_nobody_lists__refused_with_what_to_do(given: dict[str, Any], param: str) -> None:
    error = refused(**given)
    assert error.param == param
    assert len(str(error)) < 500
    assert all(name[:64] in str(error) for name in given)
    assert "LLM_EXTRA_PARAMETERS" in str(error)


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ({"input": "Hi"}, "messages"),
        ({"prompt": "Hi", "echo": True}, "messages"),
        ({"max_output_tokens": 5}, "max_completion_tokens"),
        ({"reasoning": {"effort": "low"}}, "reasoning_effort"),
        ({"conversation": "c"}, "metadata.conversation"),
    ],
)
def test_parameters__of_another_api__refused_with_what_they_are_called_here(
    given: dict[str, Any], instead: str
) -> None:
    error = refused(**given)
    assert error.param == next(iter(given))
    assert f" Send {instead} instead" in str(error)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"n": 9}, "n"),
        ({"n": True}, "n"),
        ({"logprobs": 0}, "logprobs"),
        ({"parallel_tool_calls": 0}, "parallel_tool_calls"),
        ({"logit_bias": {"5": 101}}, "logit_bias[...]"),
        ({"tools": {}}, "tools"),
        ({"tools": ["now"]}, "tools[0]"),
        ({"tool_choice": 5}, "tool_choice"),
        (
            {"messages": [*M, {"role": "assistant", "tool_calls": [{"type": "function"}]}]},
            "messages[1].tool_calls[0].id",
        ),
        ({"messages": [*M, {"role": "assistant", "tool_calls": "now"}]}, "messages[1].tool_calls"),
        ({"messages": [*M, {"role": "assistant", "content": 5}]}, "messages[1].content"),
        ({"messages": [*M, {"role": "tool", "content": "2"}]}, "messages[1].tool_call_id"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": shown({"type": "image_url", "image_url": {}})}, "messages[0].content[0].image_url.url"),
        ({"messages": shown({"type": "text", "text": "a"}, 5)}, "messages[0].content[1]"),
        ({"messages": shown({"type": {}})}, "messages[0].content[0].type"),
        ({"messages": [{"role": ["user"], "content": []}]}, "messages[0].role"),
        ({"messages": [{"role": {"a": 1}, "content": "Hi"}]}, "messages[0].role"),
    ],
)
def test_body__wrong__400_that_names_the_parameter(given: dict[str, Any], param: str) -> None:
    error = refused(**given)
    assert str(error.param) == param.replace("[...]", "")
    assert len(str(error).split()) > 2


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each list or object within a value, with each of its indexes or names."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield value, name
        yield from places(item)


@pytest.mark.parametrize("client", BODIES)
@pytest.mark.parametrize("value", [None, 5, "x", ["x"], [[]], [{}], {"x": 1}, {"type": []}])
def test_body__any_value_anywhere__taken_or_refused(client: str, value: Any) -> None:
    for index in range(min(100, len(list(places(BODIES[client][0]))))):
        body = json.loads(json.dumps(BODIES[client][0]))
        within, name = list(places(body))[index]
        within[name] = value
        with suppress(ApiError):
            checked({"model": "elara", "messages": M} | body)


@pytest.mark.parametrize(("part", "kind"), [(AUDIO, "input_audio"), (FILE, "file"), ({"type": "image"}, "image")])
def test_part__of_a_kind_that_is_not_allowed__refused_with_what_to_do(part: Any, kind: str) -> None:
    error = refused(messages=shown({"type": "text", "text": "Look:"}, part))
    assert error.param == "messages[0].content[1].type"
    assert f"'{kind}'" in str(error)
    assert "LLM_CONTENT_PARTS" in str(error)


def test_part__of_a_kind_that_the_operator_lists__passed_on(settings: Any) -> None:
    settings.LLM_CONTENT_PARTS = ["file", "input_audio"]
    messages = shown({"type": "text", "text": "Look:"}, AUDIO, FILE, {"type": "refusal", "refusal": "No."})
    assert passed_on(messages=messages)["messages"] == messages
    assert "image_url" in str(refused(messages=shown({"type": "image_url", "image_url": {"url": PNG}})))


@pytest.mark.parametrize("file", [{}, {"filename": "a.pdf"}, {"file_url": ""}, {"file_data": "", "file_url": None}])
@pytest.mark.parametrize("fetches", [True, False])
def test_part__file_without_anything_in_it__refused_with_what_to_do(settings: Any, file: Any, fetches: bool) -> None:
    settings.LLM_CONTENT_PARTS, settings.LLM_CONTENT_PART_ADDRESSES = ["file"], fetches
    error = refused(messages=shown({"type": "file", "file": file}))
    assert error.param == "messages[0].content[0].file"
    assert "file_data" in str(error)


def test_part__file_of_the_responses_api__in_the_form_of_chat(settings: Any) -> None:
    settings.LLM_CONTENT_PARTS = ["file"]
    messages = shown({"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"})
    assert passed_on(messages=messages)["messages"] == shown(FILE)


def test_part__image_that_is_only_named__refused_by_the_field_that_is_missing() -> None:
    error = refused(messages=shown({"type": "input_image", "file_id": "file-1"}))
    assert error.param == "messages[0].content[0].image_url.url"


ADDRESSES = [
    "https://example.com/a.png", "HTTP://169.254.169.254/", "file:///etc/passwd", "/etc/passwd", "//host/a.png",
    "gs://bucket/a.png", " data:image/png;base64,AAAA", "",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_part__address_of_an_image__refused_with_what_to_do(address: str) -> None:
    error = refused(messages=shown({"type": "image_url", "image_url": {"url": address}}))
    assert error.param == "messages[0].content[0].image_url.url"
    assert "data:" in str(error)
    assert "LLM_CONTENT_PART_ADDRESSES" in str(error)


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "DATA:image/png;base64,AAAA"])
def test_part__image_itself__passed_on(url: str) -> None:
    messages = shown({"type": "image_url", "image_url": {"url": url, "detail": "low"}})
    assert passed_on(messages=messages)["messages"] == messages


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"type": "file", "file": {"file_data": "https://example.com/a.pdf"}}, "file.file_data"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file.file_id"),
        ({"type": "file", "file": {"file_url": "https://example.com/a.pdf"}}, "file.file_url"),
        ({"type": "file", "file": {"file_data": "JVBE", "file_url": "http://169.254.169.254/"}}, "file.file_url"),
        (
            {"type": "input_audio", "input_audio": {"data": "https://example.com/a.wav", "format": "wav"}},
            "input_audio.data",
        ),
        ({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}, "video_url.url"),
    ],
)
def test_part__that_is_elsewhere__only_if_the_operator_allows_it(settings: Any, part: Any, field: str) -> None:
    settings.LLM_CONTENT_PARTS = ["file", "input_audio", "video_url"]
    assert refused(messages=shown(part)).param == f"messages[0].content[0].{field}"
    settings.LLM_CONTENT_PART_ADDRESSES = True
    assert passed_on(messages=shown(part))["messages"] == shown(part)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "/etc/passwd", "ftp://example.com/a"])
def test_part__address_that_is_not_http__refused_even_so(settings: Any, address: str) -> None:
    settings.LLM_CONTENT_PART_ADDRESSES = True
    refused(messages=shown({"type": "image_url", "image_url": {"url": address}}))
    assert passed_on(messages=shown(IMAGE))["messages"] == shown(IMAGE)


def test_tools__choice_without_any__left_out() -> None:
    about = {"tool_choice": "auto", "parallel_tool_calls": True, "function_call": "none"}
    assert passed_on(tools=[], functions=[], **about) == {"messages": M}
    assert passed_on(tools=[TOOL], **about) == {"messages": M, "tools": [TOOL], "tool_choice": "auto",
                                                "parallel_tool_calls": True}  # fmt: skip


def test_messages__of_every_role__in_their_order() -> None:
    messages = [
        {"role": "developer", "content": "D"},
        *CALLED,
        {"role": "assistant", "content": "2", "name": "elara"},
        *M,
    ]
    assert passed_on(messages=messages)["messages"] == messages
    assert passed_on(messages=[{**message, "mood": 1, "id": None} for message in messages])["messages"] == messages


def test_schema__parts_of_messages__those_that_are_passed_on(settings: Any) -> None:
    def described() -> dict[str, Any]:
        result: dict[str, Any] = openapi.add({"components": {"schemas": {}}, "paths": {}})["components"]["schemas"]
        return result

    def kinds() -> set[str]:
        mappings = re.findall(r'"mapping": ({[^}]*Part"})', json.dumps(described()["ChatUserMessage"]))
        return {kind for mapping in mappings for kind in json.loads(mapping)}

    assert kinds() == {"text", "refusal", "image_url"}
    assert described()["ChatMedia"]["properties"]["url"]["pattern"] == "^data:"
    settings.LLM_CONTENT_PARTS, settings.LLM_CONTENT_PART_ADDRESSES = ["file"], True
    assert kinds() == {"text", "refusal", "file"}
    assert "pattern" not in described()["ChatMedia"]["properties"]["url"]
