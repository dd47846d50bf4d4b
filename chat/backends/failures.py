"""What callers are told when the language model fails. What it said itself goes into the log, where it helps."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from chat.backends.sse import TooMuch
from chat.errors import ApiError, bad_request, upstream

logger = logging.getLogger(__name__)

CALLERS_FAULT = {400, 413, 422}  # a prompt that is too long, for one
LONGEST = 500  # of what is repeated


@contextmanager
def told() -> Iterator[None]:
    """Turns what goes wrong on the way into what callers are told. Deadlines are TimeoutErrors."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException) as error:
        logger.warning("The language model took too long: %s.", str(error) or type(error).__name__)
        message = "The language model took too long."
        raise upstream(HTTPStatus.GATEWAY_TIMEOUT, message, "upstream_timeout") from None
    except httpx.ConnectError as error:
        logger.warning("The language model cannot be reached: %s", error)
        message = "The language model cannot be reached."
        raise upstream(HTTPStatus.BAD_GATEWAY, message, "upstream_unreachable") from None
    except httpx.HTTPError as error:
        raise broken(f"{type(error).__name__}: {error}") from None
    except (TooMuch, msgspec.DecodeError, RecursionError) as error:
        raise broken(str(error)) from None


def broken(reason: str) -> ApiError:
    """The answer is none, or breaks off."""
    logger.warning("The language model's answer is broken: %.500s", reason)
    return upstream(HTTPStatus.BAD_GATEWAY, "The language model's answer was broken.", "upstream_broken")


def of_status(response: httpx.Response, body: bytes) -> ApiError:
    """Of an answer that is not 200. Its 401 is about our key and its 404 about our model: neither is the caller's."""
    status = response.status_code
    logger.warning("The language model answered %d: %.500r", status, body)
    if status in CALLERS_FAULT:
        return _callers_fault(body)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message = "The language model takes no more requests now."
        return ApiError(
            HTTPStatus.TOO_MANY_REQUESTS, message, type="requests", code="rate_limit_exceeded", headers=_retry(response)
        )
    kept = {503: HTTPStatus.SERVICE_UNAVAILABLE, 504: HTTPStatus.GATEWAY_TIMEOUT}
    message = f"The language model failed ({status})."
    return upstream(kept.get(status, HTTPStatus.BAD_GATEWAY), message, "upstream_failed", _retry(response))


def _retry(response: httpx.Response) -> dict[str, str]:
    """When it says when to come again. OpenAI's clients wait for at most a minute."""
    after = response.headers.get("retry-after", "")
    if after.isdecimal() and after.isascii() and len(after) < 5:
        return {"Retry-After": after}
    return {"Retry-After": "1"} if response.status_code in {429, 503} else {}


def _callers_fault(body: bytes) -> ApiError:
    said = _error_of(body)
    message, param, code = (said.get(name) for name in ("message", "param", "code"))
    return bad_request(
        message[:LONGEST] if isinstance(message, str) else "The language model did not accept the request.",
        param[:64] if isinstance(param, str) else None,
        code[:64] if isinstance(code, str) else None,
    )


def _error_of(body: bytes) -> dict[str, Any]:
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
