"""Reads what a language model's server sends: bounded, checked as far as it is relied on, and with every failure turned
into the error that callers are told. What the server said of a failure is logged.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import cast

import httpx
import msgspec

from chat.backends import Chunk, Completion, JsonObject
from chat.backends.responses import is_last
from chat.backends.server_sent_events import TooLarge, events
from chat.errors import ApiError, api_error, bad_request

logger = logging.getLogger(__name__)

END_SECONDS = 0.2  # for the body to end after `[DONE]`
CALLERS_FAULT = {400, 413, 422}  # when a prompt is too long, for example
MAX_CHOICES = 8  # we ask for one
MAX_QUOTED = 500  # characters of the server's message that callers are told


# An answer is passed on as it came, and no more of it is decoded than is looked at: lists of lists, or numbers of many
# digits, would take many times as long.
Fields = dict[str, msgspec.Raw]
_fields = msgspec.json.Decoder(Fields | None).decode
Choices = msgspec.defstruct(
    "Choices",
    [(f"choice_{index}", Fields | msgspec.UnsetType, msgspec.UNSET) for index in range(MAX_CHOICES)],
    array_like=True,
    forbid_unknown_fields=True,  # stops there, where a list of that length at most is read to its end
)
_choices = msgspec.json.Decoder(Choices).decode
_text = msgspec.json.Decoder(str | None).decode


def check_content_type(response: httpx.Response, expected: str) -> None:
    """Raises ApiError if the response is of another type or compressed: a proxy's error page, for example."""
    given = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("content-encoding", "identity")
    if given != expected or encoding != "identity":
        raise broken(f"{given[:60]!r} in {encoding[:60]!r} instead of {expected}")


def parse_completion(body: bytes) -> Completion:
    """A whole answer. Raises msgspec.DecodeError, or RecursionError."""
    return _checked(body.decode(errors="replace"))


async def parse_chunks(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Chunk, None]:
    """The chunks of a stream up to `[DONE]`, which a server may leave out once the model has finished.

    Raises ApiError, msgspec.DecodeError, RecursionError or TooLarge.
    """
    finished, data = False, events(pieces)
    async for event in data:
        if event.startswith("[DONE]"):
            await _drain(data)
            return
        # Line ends between its tokens would end our event too.
        chunk: Chunk = _checked(msgspec.json.format(event, indent=-1) if "\n" in event else event)
        finished = finished or is_last(chunk)
        yield chunk
    if not finished:
        raise broken("it ends before the model has finished")


def _checked(answer: str) -> Completion:
    """The answer, decoded as far as the texts of its choices. The last chunk may have none."""
    fields = _fields(answer) or {}
    choices = fields.get("choices", msgspec.Raw(b"null"))
    found = msgspec.structs.astuple(_choices(choices))
    return cast(
        Completion, {**fields, "choices": [_choice_of(choice) for choice in found if choice is not msgspec.UNSET]}
    )


def _choice_of(raw: Fields) -> JsonObject:
    decoders = {"delta": _message, "message": _message, "finish_reason": _text}
    return raw | {name: decode(raw[name]) for name, decode in decoders.items() if name in raw}


def _message(raw: msgspec.Raw) -> JsonObject | None:
    message = _fields(raw)
    if message is None or "content" not in message:
        return cast(JsonObject | None, message)
    content = message["content"]
    is_list = bytes(memoryview(content)[:1]) == b"["  # of parts: what some models send when they reason
    return {**message, "content": content if is_list else _text(content)}


async def _drain(data: AsyncIterator[str]) -> None:
    """Nothing follows `[DONE]`, but only a connection that was read to the end of the body can be used again."""
    with suppress(TimeoutError, TooLarge, httpx.HTTPError):
        async with asyncio.timeout(END_SECONDS):
            async for _ in data:
                pass


@contextmanager
def failures_as_api_errors() -> Iterator[None]:
    """Turns whatever goes wrong while a language model is asked into ApiError, and logs it."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException) as error:
        logger.warning("The language model took too long: %s.", str(error) or type(error).__name__)
        message = "The language model took too long."
        raise api_error(HTTPStatus.GATEWAY_TIMEOUT, message, "upstream_timeout") from None
    except httpx.ConnectError as error:
        logger.warning("The language model cannot be reached: %s", error)
        message = "The language model cannot be reached."
        raise api_error(HTTPStatus.BAD_GATEWAY, message, "upstream_unreachable") from None
    except httpx.HTTPError as error:
        raise broken(f"{type(error).__name__}: {error}") from None
    except (TooLarge, msgspec.DecodeError, RecursionError) as error:
        raise broken(str(error)) from None


def broken(reason: str) -> ApiError:
    """502: the answer is not one in OpenAI's protocol, or breaks off. Logs the reason."""
    logger.warning("The language model's answer is broken: %.500s", reason)
    return api_error(HTTPStatus.BAD_GATEWAY, "The language model's answer was broken.", "upstream_broken")


def failed(response: httpx.Response, body: bytes) -> ApiError:
    """The error for an answer that is not 200. Logs its body.

    A 401 is about our key and a 404 about our model, so neither is passed on as the caller's fault.
    """
    status = response.status_code
    logger.warning("The language model answered %d: %.500r", status, body)
    if status in CALLERS_FAULT:
        return _callers_fault(body)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message, code = "The language model accepts no more requests right now.", "rate_limit_exceeded"
        return ApiError(HTTPStatus(status), message, type="requests", code=code, headers=_retry_after(response))
    passed_on = {503: HTTPStatus.SERVICE_UNAVAILABLE, 504: HTTPStatus.GATEWAY_TIMEOUT}
    message = f"The language model failed ({status})."
    return api_error(passed_on.get(status, HTTPStatus.BAD_GATEWAY), message, "upstream_failed", _retry_after(response))


def _retry_after(response: httpx.Response) -> dict[str, str]:
    """As the server says, if it is a sensible number of seconds. OpenAI's clients wait for a minute at most."""
    after = response.headers.get("retry-after", "")
    if after.isdecimal() and after.isascii() and len(after) < 5:
        return {"Retry-After": after}
    return {"Retry-After": "1"} if response.status_code in {429, 503} else {}


def _callers_fault(body: bytes) -> ApiError:
    said = _error_of(body)
    message, param, code = (said.get(name) for name in ("message", "param", "code"))
    return bad_request(
        message[:MAX_QUOTED] if isinstance(message, str) else "The language model did not accept the request.",
        param[:64] if isinstance(param, str) else None,
        code[:64] if isinstance(code, str) else None,
    )


def _error_of(body: bytes) -> JsonObject:
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
