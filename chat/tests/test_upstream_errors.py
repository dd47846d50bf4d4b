"""What callers are told of a language model's failures: to the letter, and without a server."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from chat.backends.http_client import BrokenResponse, ConnectTimeout, Unreachable
from chat.backends.masking import Secrets
from chat.backends.refusals import MAX_QUOTED
from chat.backends.server_sent_events import TooLarge
from chat.backends.upstream_errors import MAX_RETRY_AFTER, ErrorInside, error_for_status, failures_as_api_errors
from chat.errors import ApiError

SECRETS = Secrets(["sk-planted-key"])


def answered(status: int, body: bytes = b"", **headers: str) -> ApiError:
    return error_for_status(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_failed__the_callers_fault__what_the_server_says_of_it(status: int) -> None:
    body = json.dumps({"error": {"message": "too long", "param": "messages", "code": "context"}}).encode()
    error = answered(status, body)
    assert (error.status, str(error), error.param, error.code) == (400, "too long", "messages", "context")
    assert (error.type, error.headers) == ("invalid_request_error", {})


def test_failed__the_server_says_very_much__cut() -> None:
    body = json.dumps({"error": {"message": "m" * 999, "param": "p" * 999, "code": "c" * 999}}).encode()
    error = answered(400, body)
    assert (str(error), error.param, error.code) == ("m" * MAX_QUOTED, "p" * 64, "c" * 64)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"{}", b'{"error": null}', b'{"error": ""}', b'{"error": {}}', b'{"error": 5}',
     b"[" * 100_000, b'{"error": {"message": 5, "param": [], "code": {}}}'],
)  # fmt: skip
def test_failed__the_server_does_not_say_why__a_calm_400(body: bytes) -> None:
    error = answered(400, body)
    assert (error.status, error.param, error.code) == (400, None, None)
    assert str(error) == "The language model did not accept the request."


@pytest.mark.parametrize(
    ("status", "passed_on"), [(401, 502), (404, 502), (418, 502), (500, 502), (502, 502), (503, 503), (504, 504)]
)
def test_failed__not_the_callers_fault__a_5xx(status: int, passed_on: int) -> None:
    error = answered(status, b"planted")
    assert (error.status, error.type, error.code) == (passed_on, "api_error", "upstream_failed")
    assert str(error) == f"The language model failed ({status})."


WITH_TOOLS = {"messages": [{"role": "user", "content": "Hi."}], "tools": [{"type": "function"}]}
WITH_IMAGE = {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}
TEXT_ALONE = {"messages": [{"role": "user", "content": "Hi."}]}
CANNOT: list[tuple[int, str, dict[str, Any], str]] = [
    (
        404,
        "No endpoints found that support tool use. To learn more about provider routing, visit: x",
        WITH_TOOLS,
        "tools",
    ),
    (500, "tools param requires --jinja flag", WITH_TOOLS, "tools"),
    (501, "This model does not support function calling", WITH_TOOLS, "tools"),
    (404, "No endpoints found that support image input", WITH_IMAGE, "messages"),
    (
        500,
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        WITH_IMAGE,
        "messages",
    ),
    (500, "json_schema is not supported", TEXT_ALONE | {"response_format": {"type": "json_schema"}}, "response_format"),
]


@pytest.mark.parametrize(("status", "said", "request_", "param"), CANNOT)
def test_failed__the_model_cannot_do_what_is_asked_for__its_own_words(
    status: int, said: str, request_: dict[str, Any], param: str
) -> None:
    body = json.dumps({"error": {"message": said, "code": None}}).encode()
    error = error_for_status(status, {}, body, request=request_)
    assert (error.status, str(error), error.param) == (400, said, param)
    unasked = error_for_status(status, {}, body, request=TEXT_ALONE)
    assert (unasked.status, str(unasked)) == (502, f"The language model failed ({status}).")


def test_failed__the_model_s_file_and_text_in_parts__not_the_callers_fault() -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}]
    body = json.dumps({"error": {"message": "cannot open the model's file"}}).encode()
    assert error_for_status(500, {}, body, request={"messages": said}).status == 502


WITH_FORMAT = TEXT_ALONE | {"response_format": {"type": "json_object"}}
PASSING: list[tuple[str, dict[str, Any]]] = [
    ("error parsing tool call: raw='{\"a\":' , err=unexpected end of JSON input", WITH_TOOLS),
    ("Worker busy, tool queue full: parallel calls are not available", WITH_TOOLS),
    ("tool parser thread died at /opt/models/hermes.py:112", WITH_TOOLS),
    ("structured output backend unavailable", WITH_FORMAT),
    ("[Errno 24] Too many open files: '/srv/models/shard-00003.safetensors'", WITH_IMAGE),
    ("CUDA out of memory while encoding image, worker 3", WITH_IMAGE),
    ("Loaded model limit reached, try again in 30 s", TEXT_ALONE),
    ("Queue full: message count exceeds 100, retry later", TEXT_ALONE),
    ("Server overloaded: batch token limit reached", TEXT_ALONE),
    ("Too many tokens in flight on this replica", TEXT_ALONE),
]


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize(("said", "request_"), PASSING)
def test_failed__for_now__not_the_callers_fault(status: int, said: str, request_: dict[str, Any]) -> None:
    body = json.dumps({"error": {"message": said}}).encode()
    error = error_for_status(status, {"retry-after": "30"}, body, request=request_)
    assert (error.status, error.type, error.headers) == (
        502 if status == 500 else 503,
        "api_error",
        {"Retry-After": "30"},
    )
    assert str(error) == f"The language model failed ({status})."
    assert error_for_status(status, {}, body, request=request_).status >= 500


@pytest.mark.parametrize("said", [said for said, asked in PASSING if asked is TEXT_ALONE])
def test_failed_inside__for_now__not_the_callers_fault(said: str) -> None:
    failure = ErrorInside(json.dumps({"message": said}).encode())
    failure.headers = {"retry-after": "30"}
    with pytest.raises(ApiError) as raised, failures_as_api_errors():
        raise failure
    assert (raised.value.status, raised.value.headers) == (502, {"Retry-After": "30"})


def test_failed__longer_than_the_context_but_asks_to_wait__not_the_callers_fault() -> None:
    assert answered(503, b"Context size has been exceeded.", retry_after="4").status == 503


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503])
def test_failed__tools_are_named_with_another_status__not_the_callers_fault(status: int) -> None:
    body = json.dumps({"error": {"message": "tools are not supported"}}).encode()
    assert error_for_status(status, {}, body, request=WITH_TOOLS).status != 400


OVERFLOW = "Context size has been exceeded."  # as llama.cpp says it


@pytest.mark.parametrize("status", [400, 413, 422, 500, 502, 503])
@pytest.mark.parametrize("body", [{"error": {"message": OVERFLOW}}, {"detail": OVERFLOW}, OVERFLOW])
def test_failed__longer_than_the_context__what_clients_act_upon(status: int, body: object) -> None:
    error = answered(status, json.dumps(body).encode())
    assert (error.status, error.type, error.param) == (400, "invalid_request_error", "messages")
    assert (error.code, str(error)) == ("context_length_exceeded", OVERFLOW)


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_failed__of_the_context_with_another_status__not_the_callers_fault(status: int) -> None:
    assert answered(status, json.dumps({"error": {"message": OVERFLOW}}).encode()).status in {502, 429}


@pytest.mark.parametrize("status", [400, 500])
def test_failed__our_key_is_quoted__neither_told_nor_logged(status: int, caplog: pytest.LogCaptureFixture) -> None:
    body = b'{"error": {"message": "Context size exceeded by \\u0073k-planted-key"}}'
    assert str(error_for_status(status, {}, body, SECRETS)) == "Context size exceeded by ..."
    assert "Context size exceeded by ..." in caplog.text
    assert "planted" not in caplog.text


MOST = str(MAX_RETRY_AFTER)
RETRY_AFTER = [
    ("7", "7"), ("0", "0"), ("9999", "9999"), ("2.5", "3"), ("0.001", "1"), ("3.", "3"),
    ("5s", "5"), ("500ms", "1"), ("1m30s", "90"), ("2h", "7200"), ("1.5s", "2"), ("99h", MOST), ("s", "1"),
    ("1s5", "1"),
    ("100000", MOST), ("9" * 40, MOST), ("Fri, 31 Dec 9999 23:59:59 GMT", MOST),
    ("Sat, 01 Jan 2180 00:00:00 -0000", MOST),
    *[(text, "1") for text in ("", "soon", "-1", "-0.5", "+1", "1e3", "inf", "nan", "0x10", "1_0", "1 s", "9" * 99)],
    *[(text, "1") for text in ("Mon, 01 Jan 2001 00:00:00 GMT", "Mon, 99 Jan 2001", "01 Jan 99999999999 00:00:00")],
]  # fmt: skip


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("after", "told"), RETRY_AFTER)
def test_failed__told_when_to_come_again__rounded_up_and_bounded(status: int, after: str, told: str) -> None:
    assert answered(status, retry_after=after).headers == {"Retry-After": told}


def test_failed__told_a_date__the_seconds_until_then() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3500 < int(answered(429, retry_after=date).headers["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [("1", "1"), ("1000", "1"), ("1000.5", "2"), ("0", "0"), ("9" * 40, "86400"), ("x", "7"), ("-5", "7")],
)
def test_failed__told_in_milliseconds__they_count_first(milliseconds: str, told: str) -> None:
    error = answered(429, retry_after="7", retry_after_ms=milliseconds)
    assert error.headers == {"Retry-After": told}


def test_failed__digits_that_are_not_ascii__not_passed_on() -> None:
    assert answered(429, retry_after="٣").headers == {"Retry-After": "1"}


@pytest.mark.parametrize("microsecond", [0, 500_000])
def test_failed__told_a_date_that_comes_at_once__rounded_up(monkeypatch: pytest.MonkeyPatch, microsecond: int) -> None:
    class Noon(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Noon":
            return cls(2026, 1, 1, 12, 0, 0, microsecond, tz)

    monkeypatch.setattr("chat.backends.upstream_errors.datetime", Noon)
    dates = [format_datetime(datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC), usegmt=True) for second in range(3)]
    told = [answered(500, retry_after=date).headers for date in dates]
    assert told == [{}, {"Retry-After": "1"}, {"Retry-After": "2"}]


def test_failed__another_status__retry_after_only_if_the_server_says_so() -> None:
    assert answered(500).headers == {}
    assert answered(500, retry_after="3").headers == {"Retry-After": "3"}


def test_failed__429__the_limit_of_the_model() -> None:
    error = answered(429)
    assert (error.status, error.type, error.code) == (429, "requests", "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (TimeoutError(), 504, "upstream_timeout"),
        (ConnectTimeout("slow"), 504, "upstream_timeout"),
        (Unreachable("refused"), 502, "upstream_unreachable"),
        (BrokenResponse("cut"), 502, "upstream_broken"),
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


def told_of(said: bytes) -> ApiError:
    with pytest.raises(ApiError) as raised, failures_as_api_errors(SECRETS):
        raise ErrorInside(said)
    return raised.value


@pytest.mark.parametrize(
    "said", [b"null", b"", b'"boom"', b"boom", b'{"message": "planted", "code": 500}', b"5", b"[" * 99_999]
)
def test_inside__the_models_own_fault__no_more_than_that(said: bytes) -> None:
    error = told_of(said)
    assert (error.status, error.type, error.code, error.param) == (502, "api_error", "upstream_failed", None)
    assert str(error) == "The language model failed."


@pytest.mark.parametrize(
    "error",
    [{"code": 400}, {"code": "422"}, {"type": "invalid_request_error"}, {"type": "BadRequestError", "code": None}],
)
def test_inside__the_callers_fault__what_the_server_says_of_it(error: dict[str, object]) -> None:
    told = told_of(json.dumps({"message": "no such role" + "x" * 999, **error}).encode())
    assert told.status == 502
    assert str(told) == ("no such role" + "x" * 999)[:MAX_QUOTED]


def test_inside__longer_than_the_context__what_clients_act_upon() -> None:
    told = told_of(json.dumps({"code": 500, "message": OVERFLOW, "type": "server_error"}).encode())
    assert (told.status, told.type, told.param) == (400, "invalid_request_error", "messages")
    assert (told.code, str(told)) == ("context_length_exceeded", OVERFLOW)


def test_inside__shown_as_an_exception__without_what_the_server_said() -> None:
    assert str(ErrorInside(b"Incorrect key sk-planted-key")) == "The language model's answer has an error in it."


@pytest.mark.parametrize("key", ["sk-planted-key", "\\u0073k-planted-key", "sk%2Dplanted-key"])
def test_inside__our_key_is_quoted__neither_told_nor_logged(key: str, caplog: pytest.LogCaptureFixture) -> None:
    said = b'{"message": "Incorrect key %b", "code": 400}' % key.encode()
    assert str(told_of(said)) == "Incorrect key ..."
    assert "planted" not in caplog.text
