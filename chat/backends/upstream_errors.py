"""What callers are told about a language model's failures, and what is logged: everything but secrets."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import ceil

import msgspec

from chat.backends import JsonObject
from chat.backends.http_client import BrokenResponse, Unreachable
from chat.backends.masking import Secrets
from chat.backends.refusals import CALLERS_FAULT, Refusal, refusal_in, refused_feature
from chat.backends.server_sent_events import TooLarge
from chat.errors import ApiError, api_error, bad_request, broken_answer

logger = logging.getLogger(__name__)

DID_NOT_ACCEPT = "The language model did not accept the request."
MAX_RETRY_AFTER = 24 * 60 * 60  # seconds
NUMBER = re.compile(r"[0-9]{1,40}(?:\.[0-9]{0,40})?")
SPAN = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{0,9})?)s)?(?:([0-9]{1,9})ms)?")
SPAN_SECONDS = (3600, 60, 1, 0.001)
NONE = Secrets()
NOTHING_ASKED: JsonObject = {}
ABOUT_FEATURES = {404, 405, 500, 501}  # statuses with which servers also say that a model lacks a feature


class ErrorInside(Exception):
    """An answer that began well, with 200, has an error in it. `said` is that error, as JSON or as text; `headers` are
    the answer's, by name in lower case.
    """

    headers: Mapping[str, str] = {}

    def __init__(self, said: bytes) -> None:
        super().__init__("The language model's answer has an error in it.")
        self.said = said


@contextmanager
def failures_as_api_errors(secrets: Secrets = NONE) -> Iterator[None]:
    """Turns whatever goes wrong while a language model is asked into ApiError, and logs it without the secrets."""
    try:
        yield
    except ErrorInside as error:
        raise _error_inside(error, secrets) from None
    except TimeoutError as error:
        logger.warning("The language model took too long: %s.", str(error) or type(error).__name__)
        message = "The language model took too long."
        raise api_error(HTTPStatus.GATEWAY_TIMEOUT, message, "upstream_timeout") from None
    except Unreachable as error:
        logger.warning("The language model cannot be reached: %s", error)
        message = "The language model cannot be reached."
        raise api_error(HTTPStatus.BAD_GATEWAY, message, "upstream_unreachable") from None
    except BrokenResponse as error:
        raise broken_answer(f"{type(error).__name__}: {error}") from None
    except (TooLarge, msgspec.DecodeError, RecursionError) as error:
        raise broken_answer(str(error)) from None


def error_for_status(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Secrets = NONE,
    request: Mapping[str, object] = NOTHING_ASKED,
) -> ApiError:
    """The error for an answer to `request` that is not 200; `headers` by name in lower case. Logs its body without the
    secrets.

    A 401 is about our key and a 404 about our model, so neither is passed on as the caller's fault. What is about the
    request is passed on as such, whatever the status: that it is longer than the model's context, or asks for what the
    model cannot do.
    """
    logger.warning("The language model answered %d: %.500r", status, _for_log(body, secrets))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message, code = "The language model accepts no more requests right now.", "rate_limit_exceeded"
        return ApiError(HTTPStatus(status), message, type="requests", code=code, headers=_retry_after(status, headers))
    refusal = refusal_in(body, secrets)
    if status in CALLERS_FAULT or (status >= 500 and _is_too_long(refusal, headers)):
        return bad_request(refusal.message or DID_NOT_ACCEPT, refusal.param, refusal.code)
    if status in ABOUT_FEATURES and (param := refused_feature(refusal.message, request)):
        return bad_request(refusal.message, refusal.param or param, refusal.code)
    passed_on = {503: HTTPStatus.SERVICE_UNAVAILABLE, 504: HTTPStatus.GATEWAY_TIMEOUT}
    told, message = passed_on.get(status, HTTPStatus.BAD_GATEWAY), f"The language model failed ({status})."
    return api_error(told, message, "upstream_failed", _retry_after(status, headers))


def _error_inside(error: ErrorInside, secrets: Secrets) -> ApiError:
    """502, with the server's message if it is about the request; 400 if the request is too long."""
    logger.warning("The language model's answer has an error in it: %.500r", _for_log(error.said, secrets))
    refusal = refusal_in(error.said, secrets)
    is_too_long = _is_too_long(refusal, error.headers)
    if not refusal.is_callers_fault or refusal.is_overflow != is_too_long:
        retry_after = _retry_after(HTTPStatus.OK, error.headers)
        return api_error(HTTPStatus.BAD_GATEWAY, "The language model failed.", "upstream_failed", retry_after)
    message, param, code = refusal.message or DID_NOT_ACCEPT, refusal.param, refusal.code
    if is_too_long:
        return bad_request(message, param, code)
    return ApiError(HTTPStatus.BAD_GATEWAY, message, type="api_error", param=param, code=code or "upstream_failed")


def _for_log(said: bytes, secrets: Secrets) -> str:
    return secrets.masked(said.decode(errors="replace"))


def _is_too_long(refusal: Refusal, headers: Mapping[str, str]) -> bool:
    """Whether the request is, and not what a busy server has to do: that would end by itself."""
    asks_to_wait = not headers.keys().isdisjoint(("retry-after", "retry-after-ms"))
    return refusal.is_overflow and not asks_to_wait and not refusal.is_of_a_busy_server


def _retry_after(status: int, headers: Mapping[str, str]) -> dict[str, str]:
    """When to retry, if the server says so or its status asks for it: whole seconds, rounded up."""
    seconds = _milliseconds(headers.get("retry-after-ms", ""))
    if seconds is None:
        seconds = _seconds(headers.get("retry-after", ""))
    if seconds is not None:
        return {"Retry-After": str(min(ceil(seconds), MAX_RETRY_AFTER))}
    return {"Retry-After": "1"} if status in {429, 503} else {}


def _milliseconds(text: str) -> float | None:
    return float(text) / 1000 if NUMBER.fullmatch(text) else None


def _seconds(text: str) -> float | None:
    """A number of seconds, a span such as 1m30s, or a date; None for anything else, and for what is in the past."""
    if NUMBER.fullmatch(text):
        return float(text)
    if text and (span := SPAN.fullmatch(text)):
        return sum(float(number) * seconds for number, seconds in zip(span.groups("0"), SPAN_SECONDS, strict=True))
    try:
        date = parsedate_to_datetime(text[:64])
    except (ValueError, OverflowError):
        return None
    left = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return left if left > 0 else None
