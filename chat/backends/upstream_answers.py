"""Reads what a language model's server sends: bounded, and checked as far as it is relied on."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import cast

import msgspec

from chat.backends import MAX_CHOICES, Chunk, Completion, JsonObject
from chat.backends.answers import is_last
from chat.backends.http_client import BrokenResponse
from chat.backends.server_sent_events import MESSAGE, Event, TooLarge, events
from chat.backends.upstream_errors import ErrorInside
from chat.errors import broken_answer, empty_answer
from rest.json_bounds import short_list_decoder

END_SECONDS = 0.2  # for the body to end after `[DONE]`

# An answer is passed on as it came, and no more of it is decoded than is looked at: lists of lists, or numbers of many
# digits, would take many times as long.
Fields = dict[str, msgspec.Raw]
_fields: Callable[[str | msgspec.Raw], Fields | None] = msgspec.json.Decoder(Fields | None).decode
_choices = short_list_decoder(Fields, MAX_CHOICES)
_decode_text: Callable[[msgspec.Raw], str | None] = msgspec.json.Decoder(str | None).decode
MAX_PARTS = 10_000  # of a content; more braces than that count as more parts
# How servers report a failure inside a 200: in a field, beside choices or alone, or by the name of the event.
ERRORS = ("error", "errors")
ERRORS_ALONE = ("detail", "exception", "message", "error_message", "error_code")
SAY_WHAT_IT_IS = ("type", "object", "event")
FAILURE = re.compile(rb"error|exception|failed|failure|[45][0-9]{2}", re.IGNORECASE)
NOTHING = {b"null", b"false", b'""', b"{}", b"[]"}  # no error: some servers send the field with each event


class Part(msgspec.Struct):
    """A part of a message's content, which some models send in place of a string, such as when they reason."""

    type: str = "text"
    text: str | None = None
    thinking: "str | list[Part] | None" = None


_parts = msgspec.json.Decoder(list[Part]).decode


def check_content_type(headers: Mapping[str, str], expected: str) -> None:
    """Raises ApiError if the headers, by name in lower case, announce another type or compression, as a proxy's
    error page does.
    """
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", "identity")
    if given != expected or encoding != "identity":
        raise broken_answer(f"{given[:60]!r} in {encoding[:60]!r} instead of {expected}")


def parse_completion(body: bytes) -> Completion:
    """A whole answer. Raises ApiError, ErrorInside, msgspec.DecodeError or RecursionError."""
    fields = _fields(body.decode(errors="replace")) or {}
    answer = _checked(fields)
    if not answer["choices"]:
        _check_failure(fields)
        raise empty_answer() if "choices" in fields else broken_answer("it has no choices")
    return answer


async def parse_chunks(pieces: AsyncIterator[bytes], expected: int, idle_seconds: float) -> AsyncGenerator[Chunk, None]:
    """The chunks of a stream up to `[DONE]`, which a server may leave out once as many choices as `expected` are
    finished. Some servers go on then, having used a tool themselves; some neither close the stream nor end it, so it
    counts as ended after `idle_seconds` without an event.

    Raises ApiError, ErrorInside, msgspec.DecodeError, RecursionError or TooLarge.
    """
    found, has_choice, finished = events(pieces), False, 0
    while (event := await _next(found, idle_seconds if finished >= expected else None)) is not None:
        if event.data.startswith("[DONE]"):
            await _drain(found)
            break
        if chunk := _chunk(event):
            has_choice = has_choice or bool(chunk["choices"])
            finished += is_last(chunk)
            yield chunk
    if event is None and not finished:
        raise broken_answer("it ends before the model has finished")
    if not has_choice:
        raise empty_answer()


async def _next(found: AsyncIterator[Event], seconds: float | None) -> Event | None:
    """The next event; None at the end, or if it is late."""
    if seconds is None:
        return await anext(found, None)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await anext(found, None)
    return None


async def _drain(found: AsyncIterator[Event]) -> None:
    """Nothing follows `[DONE]`, but only a connection read to the end of the body can be reused."""
    with suppress(TimeoutError, TooLarge, BrokenResponse):
        async with asyncio.timeout(END_SECONDS):
            async for _ in found:
                pass


def _chunk(event: Event) -> Chunk | None:
    """The event's chunk; None if it says nothing about the answer."""
    if FAILURE.fullmatch(event.type.encode()):
        raise ErrorInside(event.data.encode())
    fields = _fields_of(event)
    if not fields:
        return None
    chunk: Chunk = _checked(fields)
    if not chunk["choices"]:
        _check_failure(fields, is_named=event.type != MESSAGE)
    return chunk if chunk["choices"] or _is_told_without_choice(fields) else None


def _fields_of(event: Event) -> Fields | None:
    """None if it is not a chunk: a server may put anything into events of a type of its own."""
    data = event.data.strip() or "null"
    try:
        # Line ends between its tokens would end our own event.
        return _fields(msgspec.json.format(data, indent=-1) if "\n" in data else data)
    except msgspec.DecodeError:
        if event.type == MESSAGE and event.is_ended:
            raise
        return None


def _checked(fields: Fields) -> Completion:
    """The answer, decoded as far as the texts of its choices. Raises ErrorInside."""
    _check_errors(fields, ERRORS)
    choices = (_choices(fields["choices"]) if "choices" in fields else None) or []
    return cast(Completion, {**fields, "choices": [_choice(raw) for raw in choices]})


def _is_told_without_choice(fields: Fields) -> bool:
    """Usage comes alone, and some servers begin with an empty list; anything else is dropped."""
    return bytes(fields.get("usage", b"null")) != b"null" or bytes(fields.get("choices", b"null")) != b"null"


def _choice(raw: Fields) -> JsonObject:
    """The choice, with the texts in it decoded. Raises ErrorInside."""
    _check_errors(raw, ERRORS)
    choice: JsonObject = {**raw}
    for name in ("delta", "message"):
        if name in raw:
            choice[name] = _message(raw[name])
    if "finish_reason" in raw:
        choice["finish_reason"] = reason = _text(raw["finish_reason"]) or None
        if reason and "error" in reason.lower():
            raise ErrorInside(b"null")
    return choice


def _check_errors(fields: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if name in fields and bytes(fields[name]) not in NOTHING:
            raise ErrorInside(bytes(fields[name]))


def _check_failure(fields: Fields, *, is_named: bool = False) -> None:
    """A chunk without choices is looked at more closely: if neither its event nor a field says what it is, it may be
    an error. Raises ErrorInside.
    """
    if not is_named and fields.keys().isdisjoint(SAY_WHAT_IT_IS):
        _check_errors(fields, ERRORS_ALONE)
    said = [bytes(fields[name]).strip(b'"') for name in (*SAY_WHAT_IT_IS, "status") if name in fields]
    if any(map(FAILURE.fullmatch, said)) or bytes(fields.get("success", b"")) == b"false":
        raise ErrorInside(msgspec.json.encode(fields))


def _message(raw: msgspec.Raw) -> JsonObject | None:
    fields = _fields(raw)
    if fields is None:
        return None
    _check_errors(fields, ERRORS)
    message: JsonObject = {**fields}
    if "refusal" in fields:
        message["refusal"] = _text(fields["refusal"])
    if "content" in fields:
        content = fields["content"]
        is_list = bytes(memoryview(content)[:1]) == b"["
        message |= _from_parts(content) if is_list else {"content": _text(content)}
    return message


def _text(raw: msgspec.Raw) -> str | None:
    """The text with U+FFFD for NUL, which PostgreSQL refuses: what is sent is what is stored."""
    text = _decode_text(raw)
    return text.replace("\0", "\ufffd") if text and "\0" in text else text


def _from_parts(content: msgspec.Raw) -> JsonObject:
    """The text of a content that is a list, and its thinking in the field that other servers use."""
    if bytes(content).count(b"{") > MAX_PARTS:
        raise broken_answer(f"more than {MAX_PARTS} parts")
    parts = _parts(content)
    thinking = "".join(_thinking(part.thinking) for part in parts)
    text = "".join(part.text or "" for part in parts if part.type == "text").replace("\0", "\ufffd")
    return {"content": text, "reasoning_content": thinking} if thinking else {"content": text}


def _thinking(thinking: str | list[Part] | None) -> str:
    if isinstance(thinking, list):
        return "".join(part.text or "" for part in thinking)
    return thinking or ""
