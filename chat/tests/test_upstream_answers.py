"""What is made of a language model's answers, failures and sizes: to the byte, and without a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from chat.backends import upstream_answers
from chat.backends.upstream_answers import (
    MAX_ANSWER_BYTES,
    MAX_EVENT_BYTES,
    MAX_QUOTED,
    AnswerTooLarge,
    bounded,
    check_content_type,
    events,
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


@pytest.mark.parametrize("choices", [[], [{}], [{"index": 0}, {"index": 1}]])
def test_completion__choices_of_objects__as_they_are(choices: list[Any]) -> None:
    assert parse_completion(json.dumps({"choices": choices}).encode()) == {"choices": choices}


@pytest.mark.parametrize(
    "answer", [[], "x", {}, {"choices": None}, {"choices": {}}, {"choices": [None]}, {"choices": [{}, 1]}]
)
def test_completion__of_another_shape__broken(answer: object) -> None:
    with pytest.raises(ApiError):
        parse_completion(json.dumps(answer).encode())


def test_bounded__exactly_as_much_as_is_allowed__passes_and_one_byte_more_does_not() -> None:
    half = b"x" * (MAX_ANSWER_BYTES // 2)
    assert read(bounded(pieces_of(half, half))) == [half, half]
    with pytest.raises(AnswerTooLarge):
        read(bounded(pieces_of(half, half, b"x")))


def test_events__an_event_exactly_as_long_as_is_allowed__passes_and_one_byte_more_does_not() -> None:
    half = b"x" * (MAX_EVENT_BYTES // 2)
    (event,) = read(events(pieces_of(b"data: " + half + b"\ndata: " + half + b"\n\n")))
    assert len(event) == MAX_EVENT_BYTES + 1  # the line break between them
    with pytest.raises(AnswerTooLarge, match="in one event"):
        read(events(pieces_of(b"data: " + half + b"\ndata: " + half + b"x\n\n")))


def test_events__a_line_without_end__refused_at_the_first_byte_too_many() -> None:
    comment = b":" * MAX_EVENT_BYTES
    assert read(events(pieces_of(comment, b"\n"))) == []
    with pytest.raises(AnswerTooLarge, match="in one line"):
        read(events(pieces_of(comment, b":", b"\n")))


def test_events__several_in_one_piece_and_one_in_several__each_once_and_in_order() -> None:
    assert read(events(pieces_of(b"data: 1\n\ndata:2\n\nda", b"ta:  3\r\n\r", b"\n\n\ndata: 4"))) == [
        "1",
        "2",
        " 3",
        "4",
    ]


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
        (AnswerTooLarge("much"), 502, "upstream_broken"),
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
