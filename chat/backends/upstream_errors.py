"""What callers are told of a language model's failures, and what the log is told: everything but the key."""

import html
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import ceil
from typing import cast
from urllib.parse import quote

import msgspec

from chat.backends import JsonObject
from chat.backends.http_client import BrokenResponse, Unreachable
from chat.backends.server_sent_events import TooLarge
from chat.errors import ApiError, api_error, bad_request, broken_answer

logger = logging.getLogger(__name__)

CALLERS_FAULT = {400, 413, 422}  # when a prompt is too long, for example
CALLERS_FAULT_TYPES = {"invalid_request_error", "BadRequestError", "exceed_context_size_error"}
MAX_QUOTED = 500  # characters of the server's message that callers are told
MAX_SEARCHED = 4000  # characters of it in which signs of an overflow are looked for
MAX_RETRY_AFTER = 24 * 60 * 60  # seconds
NUMBER = re.compile(r"[0-9]{1,40}(?:\.[0-9]{0,40})?")
MIN_SECRET = 8  # characters of a key that somebody keeps secret
DUMMY_KEYS = {"lm-studio", "not-needed", "no-key-required", "sk-no-key-required", "placeholder", "anything"}

ESCAPED_BY_GO = {ord(each): f"\\u{ord(each):04x}" for each in "<>&"}
ESCAPED_BY_DOTNET = {ord(each): f"\\u{ord(each):04X}" for each in "\"&'+<>`"} | {ord("\\"): "\\\\"}

# How servers say that the messages are longer than the model's context, in their own words: OpenAI's clients act upon
# the code alone. llama.cpp, vLLM, SGLang, Ollama, LM Studio, TGI, OpenRouter, Anthropic, Gemini, xAI and Bedrock.
OVERFLOW = re.compile(
    r"context[ _-](?:length|size|window|limit)|maximum (?:model|prompt) length|model's maximum length"
    r"|(?:prompt|input) is too long|too many tokens|tokens? count .{0,40}exceeds|must have less than \d{1,9} tokens"
    r"|`inputs` tokens",
    re.IGNORECASE,
)
OVERFLOW_CODE = "context_length_exceeded"


class ErrorInside(Exception):
    """An answer that began well, with 200, has an error in it. `said` is that error, as JSON or as text."""

    def __init__(self, said: bytes) -> None:
        super().__init__("The language model's answer has an error in it.")
        self.said = said


@contextmanager
def failures_as_api_errors(secrets: Sequence[bytes] = ()) -> Iterator[None]:
    """Turns whatever goes wrong while a language model is asked into ApiError, and logs it without the secrets."""
    try:
        yield
    except ErrorInside as error:
        raise _failed_inside(without(secrets, error.said)) from None
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


def secrets_among(*keys: str) -> list[bytes]:
    """Those that somebody may keep secret, and the words of those that have several: "Bearer …". The longest first.

    Servers that need no key are given a word that they may use themselves.
    """
    words = {word for key in keys for word in (key, *key.split())}
    secrets = [word for word in words if len(word) >= MIN_SECRET and word.lower() not in DUMMY_KEYS]
    spelled = {spelling for secret in secrets for spelling in _spellings(secret)}
    return [secret.encode() for secret in sorted(spelled, key=lambda word: (-len(word), word))]


def _spellings(secret: str) -> Iterator[str]:
    """As it is, and as encoders write it: of JSON, which may escape more than they must, of addresses and of HTML."""
    escaped = json.dumps(secret)[1:-1]
    yield from (secret, escaped, escaped.replace("/", "\\/"), escaped.translate(ESCAPED_BY_GO))
    yield from (secret.translate(ESCAPED_BY_DOTNET), quote(secret, safe=""), html.escape(secret))


def without(secrets: Iterable[bytes], said: bytes) -> bytes:
    """What a server says, without our secrets in case that it quotes them."""
    for secret in secrets:
        said = said.replace(secret, b"...")
    return said


def failed(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error for an answer that is not 200; `headers` by name in lower case. Logs its body.

    A 401 is about our key and a 404 about our model, so neither is passed on as the caller's fault.
    """
    logger.warning("The language model answered %d: %.500r", status, body)
    if status in CALLERS_FAULT:
        return bad_request(*_quoted(_error_of(body)))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message, code = "The language model accepts no more requests right now.", "rate_limit_exceeded"
        return ApiError(HTTPStatus(status), message, type="requests", code=code, headers=_retry_after(status, headers))
    passed_on = {503: HTTPStatus.SERVICE_UNAVAILABLE, 504: HTTPStatus.GATEWAY_TIMEOUT}
    told, message = passed_on.get(status, HTTPStatus.BAD_GATEWAY), f"The language model failed ({status})."
    return api_error(told, message, "upstream_failed", _retry_after(status, headers))


def _failed_inside(said: bytes) -> ApiError:
    """502, with what the server says of it if that is about the request."""
    logger.warning("The language model's answer has an error in it: %.500r", said)
    error = _as_error(said)
    message, param, code = _quoted(error)
    if not _is_callers_fault(error, code):
        message, param, code = "The language model failed.", None, None
    return ApiError(HTTPStatus.BAD_GATEWAY, message, type="api_error", param=param, code=code or "upstream_failed")


def _is_callers_fault(error: JsonObject, code: str | None) -> bool:
    statuses = {str(status) for status in CALLERS_FAULT}
    is_fault = str(error.get("code"))[:8] in statuses or error.get("type") in CALLERS_FAULT_TYPES
    return is_fault or code == OVERFLOW_CODE


def _quoted(error: JsonObject) -> tuple[str, str | None, str | None]:
    """The message, the parameter and the code that callers are told."""
    message, param, code = (error.get(name) for name in ("message", "param", "code"))
    text = message if isinstance(message, str) else ""
    param = param[:64] if isinstance(param, str) else None
    code = code[:64] if isinstance(code, str) else None
    if OVERFLOW.search(text[:MAX_SEARCHED]) or error.get("type") == "exceed_context_size_error":
        param, code = param or "messages", OVERFLOW_CODE
    return text[:MAX_QUOTED] or "The language model did not accept the request.", param, code


def _error_of(body: bytes) -> JsonObject:
    """The error in an answer: OpenAI's object, a text in its place, or the answer itself."""
    answer = _as_error(body)
    error = answer.get("error") or answer
    return {"message": error} if isinstance(error, str) else cast(JsonObject, error if isinstance(error, dict) else {})


def _as_error(said: bytes) -> JsonObject:
    try:
        value = msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {"message": value} if isinstance(value, str) else value if isinstance(value, dict) else {}


def _retry_after(status: int, headers: Mapping[str, str]) -> dict[str, str]:
    """When to come again, if the server says so or its status asks for it: whole seconds, rounded up."""
    seconds = _milliseconds(headers.get("retry-after-ms", ""))
    if seconds is None:
        seconds = _seconds(headers.get("retry-after", ""))
    if seconds is not None:
        return {"Retry-After": str(min(ceil(seconds), MAX_RETRY_AFTER))}
    return {"Retry-After": "1"} if status in {429, 503} else {}


def _milliseconds(text: str) -> float | None:
    return float(text) / 1000 if NUMBER.fullmatch(text) else None


def _seconds(text: str) -> float | None:
    """A number of seconds, or a date; None for anything else, and for what is in the past."""
    if NUMBER.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text[:64])
    except (ValueError, OverflowError):
        return None
    left = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return left if left > 0 else None
