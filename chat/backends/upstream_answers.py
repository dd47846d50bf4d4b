"""Reads what a language model's server sends: bounded, checked as far as it is relied on, and with every failure turned
into the error that callers are told. What the server said of a failure is logged.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import cast

import httpx
import msgspec

from chat.backends import Chunk, Completion, JsonObject
from chat.backends.responses import is_last
from chat.errors import ApiError, api_error, bad_request

logger = logging.getLogger(__name__)

MAX_EVENT_BYTES = 1024 * 1024  # of a server-sent event, and of a line of it
MAX_ANSWER_BYTES = 16 * 1024 * 1024
END_SECONDS = 0.2  # for the body to end after `[DONE]`
CALLERS_FAULT = {400, 413, 422}  # when a prompt is too long, for example
MAX_QUOTED = 500  # characters of the server's message that callers are told


class AnswerTooLarge(Exception):
    """More was sent than any answer needs."""


def check_content_type(response: httpx.Response, expected: str) -> None:
    """Raises ApiError if the response is of another type or compressed: a proxy's error page, for example."""
    given = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("content-encoding", "identity")
    if given != expected or encoding != "identity":
        raise broken(f"{given:.60} in {encoding:.60} instead of {expected}")


def parse_completion(body: bytes) -> Completion:
    """A whole answer. Raises ApiError or msgspec.DecodeError."""
    return _checked(msgspec.json.decode(body.decode(errors="replace")))


async def parse_chunks(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Chunk, None]:
    """The chunks of a stream up to `[DONE]`, which a server may leave out once the model has finished.

    Raises ApiError, msgspec.DecodeError or AnswerTooLarge.
    """
    finished, data = False, events(pieces)
    async for event in data:
        if event.startswith("[DONE]"):
            await _drain(data)
            return
        chunk: Chunk = _checked(msgspec.json.decode(event))
        finished = finished or is_last(chunk)
        yield chunk
    if not finished:
        raise broken("it ends before the model has finished")


def _checked(answer: object) -> Completion:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise broken(f"no choices in {answer!r:.300}")
    return cast(Completion, answer)


async def _drain(data: AsyncIterator[str]) -> None:
    """Nothing follows `[DONE]`, but only a connection that was read to the end of the body can be used again."""
    with suppress(TimeoutError, AnswerTooLarge, httpx.HTTPError):
        async with asyncio.timeout(END_SECONDS):
            async for _ in data:
                pass


async def bounded(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same pieces. Raises AnswerTooLarge after MAX_ANSWER_BYTES."""
    total = 0
    async for piece in pieces:
        total += len(piece)
        if total > MAX_ANSWER_BYTES:
            raise AnswerTooLarge(f"more than {MAX_ANSWER_BYTES} bytes")
        yield piece


async def events(pieces: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The data of each server-sent event, however the pieces are cut. Bytes that are not UTF-8 become U+FFFD.

    The empty line after the last event may be missing. Raises AnswerTooLarge for an event above MAX_EVENT_BYTES.
    """
    data: list[bytes] = []
    async for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
            if sum(map(len, data)) > MAX_EVENT_BYTES:
                raise AnswerTooLarge(f"more than {MAX_EVENT_BYTES} bytes in one event")
        elif not line and data:
            yield b"\n".join(data).decode(errors="replace")
            data.clear()
    if data:
        yield b"\n".join(data).decode(errors="replace")


async def _lines(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for piece in pieces:
        searched = len(rest)
        rest += piece
        if rest.find(b"\n", searched) >= 0:
            *lines, last = rest.split(b"\n")
            for line in lines:
                yield bytes(line).removesuffix(b"\r")
            rest = bytearray(last)
        if len(rest) > MAX_EVENT_BYTES:
            raise AnswerTooLarge(f"more than {MAX_EVENT_BYTES} bytes in one line")
    if rest:
        yield bytes(rest).removesuffix(b"\r")


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
    except (AnswerTooLarge, msgspec.DecodeError, RecursionError) as error:
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
