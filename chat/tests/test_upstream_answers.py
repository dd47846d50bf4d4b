"""What is made of a language model's answers, failures and sizes: to the byte, and without a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from chat.backends import upstream_answers
from chat.backends.server_sent_events import TooLarge
from chat.backends.upstream_answers import (
    MAX_QUOTED,
    check_content_type,
    failed,
    failures_as_api_errors,
    parse_chunks,
    parse_completion,
)
from chat.errors import ApiError


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def read(source: AsyncIterator[Any]) -> list[Any]:
    async def collect() -> list[Any]:
        return [item async for item in source]

    return asyncio.run(collect())


def response(status: int = 200, **headers: Any) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("given", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_content_type__as_expected__accepted(given: str) -> None:
    check_content_type(response(content_type=given), "application/json")
    check_content_type(response(content_type=given, content_encoding="identity"), "application/json")


@pytest.mark.parametrize(
    "headers",
    [{}, {"content_type": "text/html"}, {"content_type": "application/json", "content_encoding": "gzip"}],
)
def test_content_type__another_or_compressed__broken(headers: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as raised:
        check_content_type(response(**headers), "application/json")
    assert (raised.value.status, raised.value.code) == (502, "upstream_broken")


ANSWERS = [
    {"choices": []},
    {"choices": [{}]},
    {"choices": [{"index": 0}, {}] * 4},
    {"choices": [{"index": 0, "message": None, "finish_reason": None}]},
    {"choices": [{"message": {"content": "Hé", "reasoning": [1.5, {}], "tool_calls": []}, "logprobs": {"a": [{}]}}]},
    {"choices": [{"delta": {"content": [{"type": "text", "text": "x"}]}, "finish_reason": "stop", "x": "\\ \n"}]},
    {"id": 5, "choices": [{"delta": {}}], "usage": {"total_tokens": 5}, "provider": {"of": ["another", "house"]}},
]
CHOICES_OF_ANOTHER_SHAPE: list[object] = [
    None, {}, [None], [5], [[]], [{}] * 9, [{}, 5], [{"message": 5}], [{"message": []}], [{"message": "x"}],
    [{"delta": 5}], [{"delta": {"content": 5}}], [{"message": {"content": {}}}], [{"message": {"content": True}}],
    [{"finish_reason": 5}],
]  # fmt: skip
OTHER_SHAPES: list[object] = [[], "x", 5, None, {}, *({"choices": choices} for choices in CHOICES_OF_ANOTHER_SHAPE)]


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer__in_the_protocol__passed_on_as_it_is(answer: dict[str, Any]) -> None:
    for indent in (None, 1):
        text = json.dumps(answer, indent=indent)
        assert msgspec.json.decode(msgspec.json.encode(parse_completion(text.encode()))) == answer
        sent = text.replace("\n", "\ndata: ")
        (chunk,) = read(parse_chunks(pieces_of(f"data: {sent}\n\ndata: [DONE]\n\n".encode())))
        assert b"\n" not in msgspec.json.encode(chunk)  # it would end the caller's event
        assert msgspec.json.decode(msgspec.json.encode(chunk)) == answer


@pytest.mark.parametrize("answer", OTHER_SHAPES)
def test_answer__of_another_shape__broken(answer: object) -> None:
    text = json.dumps(answer).encode()
    for parse in (lambda: parse_completion(text), lambda: read(parse_chunks(pieces_of(b"data: " + text + b"\n\n")))):
        with pytest.raises(ApiError) as raised, failures_as_api_errors():
            parse()
        assert (raised.value.status, raised.value.code) == (502, "upstream_broken")


CHUNK = b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": %s}]}\n\n'


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data: [DONE] \n\ndata: {nothing\n\n"])
def test_chunks__done__nothing_after_it_is_read(end: bytes) -> None:
    assert len(read(parse_chunks(pieces_of(CHUNK % b"null", end)))) == 1


def test_chunks__finished_without_done__ends_well() -> None:
    assert len(read(parse_chunks(pieces_of(CHUNK % b"null", CHUNK % b'"stop"', CHUNK % b"null")))) == 3


def test_chunks__neither_done_nor_finished__broken() -> None:
    with pytest.raises(ApiError, match="broken"):
        read(parse_chunks(pieces_of(CHUNK % b"null")))


def test_chunks__more_after_done_than_is_waited_for__let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_ends() -> AsyncIterator[bytes]:
        yield b"data: [DONE]\n\n"
        await asyncio.Event().wait()

    monkeypatch.setattr(upstream_answers, "END_SECONDS", 0.01)
    assert read(parse_chunks(never_ends())) == []


def test_chunks__done__read_to_the_end_of_the_body() -> None:
    """Else the connection could not be used again."""
    read_to_the_end = []

    async def body() -> AsyncIterator[bytes]:
        yield b"data: [DONE]\n\n"
        yield b": bye\n\n"
        read_to_the_end.append(True)

    assert read(parse_chunks(body())) == []
    assert read_to_the_end


@pytest.mark.parametrize("status", [400, 413, 422])
def test_failed__the_callers_fault__what_the_server_says_of_it(status: int) -> None:
    body = json.dumps({"error": {"message": "too long", "param": "messages", "code": "context"}}).encode()
    error = failed(response(status), body)
    assert (error.status, str(error), error.param, error.code) == (400, "too long", "messages", "context")
    assert (error.type, error.headers) == ("invalid_request_error", {})


def test_failed__the_server_says_very_much__cut() -> None:
    body = json.dumps({"error": {"message": "m" * 999, "param": "p" * 999, "code": "c" * 999}}).encode()
    error = failed(response(400), body)
    assert (str(error), error.param, error.code) == ("m" * MAX_QUOTED, "p" * 64, "c" * 64)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"{}", b'{"error": null}', b'{"error": "x"}', b'{"error": {}}', b"[" * 100_000,
     b'{"error": {"message": 5, "param": [], "code": {}}}'],
)  # fmt: skip
def test_failed__the_server_does_not_say_why__a_calm_400(body: bytes) -> None:
    error = failed(response(400), body)
    assert (error.status, error.param, error.code) == (400, None, None)
    assert str(error) == "The language model did not accept the request."


@pytest.mark.parametrize(
    ("status", "passed_on"), [(401, 502), (404, 502), (418, 502), (500, 502), (502, 502), (503, 503), (504, 504)]
)
def test_failed__not_the_callers_fault__a_5xx(status: int, passed_on: int) -> None:
    error = failed(response(status), b"planted")
    assert (error.status, error.type, error.code) == (passed_on, "api_error", "upstream_failed")
    assert str(error) == f"The language model failed ({status})."


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("after", "told"),
    [("7", "7"), ("0", "0"), ("9999", "9999"), ("10000", "1"), ("", "1"), ("soon", "1"), ("-1", "1"), ("1.5", "1")],
)
def test_failed__told_when_to_come_again__as_the_server_says_if_it_is_sensible(
    status: int, after: str, told: str
) -> None:
    assert failed(response(status, retry_after=after), b"").headers == {"Retry-After": told}


def test_failed__digits_that_are_not_ascii__not_passed_on() -> None:
    headers = httpx.Headers({b"retry-after": "٣".encode()}, encoding="utf-8")
    assert failed(httpx.Response(429, headers=headers), b"").headers == {"Retry-After": "1"}


def test_failed__another_status__retry_after_only_if_the_server_says_so() -> None:
    assert failed(response(500), b"").headers == {}
    assert failed(response(500, retry_after="3"), b"").headers == {"Retry-After": "3"}


def test_failed__429__the_limit_of_the_model() -> None:
    error = failed(response(429), b"")
    assert (error.status, error.type, error.code) == (429, "requests", "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (TimeoutError(), 504, "upstream_timeout"),
        (httpx.ReadTimeout("slow"), 504, "upstream_timeout"),
        (httpx.ConnectTimeout("slow"), 504, "upstream_timeout"),
        (httpx.ConnectError("refused"), 502, "upstream_unreachable"),
        (httpx.RemoteProtocolError("cut"), 502, "upstream_broken"),
        (TooLarge("much"), 502, "upstream_broken"),
        (msgspec.DecodeError("nonsense"), 502, "upstream_broken"),
        (RecursionError(), 502, "upstream_broken"),
    ],
)
def test_failures__each__its_error_for_the_caller_and_a_line_for_the_log(
    failure: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ApiError) as raised, failures_as_api_errors():
        raise failure
    assert (raised.value.status, raised.value.type, raised.value.code) == (status, "api_error", code)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
