"""What callers are told of a language model's failures: to the letter, and without a server."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime

import msgspec
import pytest

from chat.backends.http_client import BrokenResponse, ConnectTimeout, Unreachable
from chat.backends.server_sent_events import TooLarge
from chat.backends.upstream_errors import (
    MAX_QUOTED,
    MAX_RETRY_AFTER,
    ErrorInside,
    failed,
    failures_as_api_errors,
    secrets_among,
    without,
)
from chat.errors import ApiError


def answered(status: int, body: bytes = b"", **headers: str) -> ApiError:
    return failed(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


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


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no such role", "type": "invalid_request_error"}},
        {"error": "no such role"},
        {"object": "error", "message": "no such role", "type": "BadRequestError", "param": None, "code": 400},
        "no such role",
    ],
)
def test_failed__the_callers_fault_in_any_server_s_shape__its_message(body: object) -> None:
    error = answered(400, json.dumps(body).encode())
    assert (error.status, str(error), error.param, error.code) == (400, "no such role", None, None)


OVERFLOWS = {
    "llama.cpp": "the request exceeds the available context size. try increasing the context size",
    "vLLM": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
    "vLLM, later": "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "SGLang": "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "Ollama": "the input length exceeds the context length",
    "LM Studio": "Trying to keep the first 5000 tokens when context overflows. The model has a context window of 4096",
    "TGI": "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500",
    "Anthropic": "prompt is too long: 210000 tokens > 200000 maximum",
    "Gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "xAI": "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
    "Bedrock": "Input is too long for requested model.",
}


@pytest.mark.parametrize("name", OVERFLOWS)
@pytest.mark.parametrize("code", [None, 400, "invalid_request_error"])
def test_failed__longer_than_the_context__the_code_that_clients_act_upon(name: str, code: object) -> None:
    body = json.dumps({"error": {"message": OVERFLOWS[name], "code": code}}).encode()
    error = answered(400, body)
    assert (error.status, error.param, error.code) == (400, "messages", "context_length_exceeded")
    assert str(error) == OVERFLOWS[name]


def test_failed__longer_than_the_context_by_its_type__the_same_code() -> None:
    error = answered(400, b'{"error": {"message": "no", "param": "prompt", "type": "exceed_context_size_error"}}')
    assert (str(error), error.param, error.code) == ("no", "prompt", "context_length_exceeded")


MOST = str(MAX_RETRY_AFTER)
RETRY_AFTER = [
    ("7", "7"), ("0", "0"), ("9999", "9999"), ("2.5", "3"), ("0.001", "1"), ("3.", "3"),
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


def told_of(said: bytes, *secrets: bytes) -> ApiError:
    with pytest.raises(ApiError) as raised, failures_as_api_errors(secrets):
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


def test_inside__longer_than_the_context__the_code_that_clients_act_upon() -> None:
    told = told_of(json.dumps(OVERFLOWS["vLLM"]).encode())
    assert (told.status, told.code, told.param) == (502, "context_length_exceeded", "messages")


def test_inside__shown_as_an_exception__without_what_the_server_said() -> None:
    assert str(ErrorInside(b"Incorrect key sk-planted-key")) == "The language model's answer has an error in it."


def test_inside__our_key_is_quoted__neither_told_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    said = b'{"message": "Incorrect key sk-planted-key", "code": 400}'
    assert str(told_of(said, b"sk-planted-key")) == "Incorrect key ..."
    assert "planted" not in caplog.text


def test_secrets__keys_that_nobody_keeps_secret__not_looked_for() -> None:
    dummies = ["", "k", "none", "EMPTY", "ollama", "dummy", "LM-Studio", "not-needed", "sk-no-key-required"]
    assert secrets_among(*dummies) == []
    assert secrets_among("none", "12345678", "sk-planted") == [b"sk-planted", b"12345678"]


def test_secrets__of_a_header_with_a_scheme__quoted_alone_not_told() -> None:
    secrets = secrets_among("Bearer gw-planted-key")
    assert without(secrets, b"Incorrect key gw-planted-key, Bearer gw-planted-key") == b"Incorrect key ..., ..."


def test_secrets__quoted__left_out_wherever_they_stand() -> None:
    assert without([b"12345678", b"sk-planted"], b"12345678, x12345678x, sk-planted") == b"..., x...x, ..."
