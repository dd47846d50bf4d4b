"""Reads what a language model's server sends: bounded, and checked as far as it is relied on."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import cast

import msgspec

from chat.backends import MAX_CHOICES, Chunk, Completion, JsonObject
from chat.backends.http_client import BrokenResponse
from chat.backends.server_sent_events import MESSAGE, Event, TooLarge, events
from chat.backends.upstream_errors import ErrorInside
from chat.errors import broken_answer, empty_answer
from rest.json_bounds import short_list_decoder

NO_REASON = {None, "", "null", "None"}  # a model has finished for
LIVELY = 6  # times as long a server is waited for that sends something, though no event
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
ABOUT_ANSWER = ("choices", "usage")
FAILED_TYPE = re.compile(r"(?:.*\.)?(?:error|exception|failed|failure|[45][0-9]{2})", re.IGNORECASE)
PING = re.compile(r"\W*(?:ping|pong|keep[-_ ]?alive|heart[-_ ]?beat)\W*", re.IGNORECASE)
FAILURE = re.compile(rb"error|exception|failed|failure|[45][0-9]{2}", re.IGNORECASE)
FIRST, NULL = msgspec.Raw(b"0"), msgspec.Raw(b"null")
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
    fields = _fields(body.decode("utf-8-sig", errors="replace")) or {}
    answer = _checked(fields)
    if not answer["choices"]:
        _check_failure(fields)
        raise empty_answer() if "choices" in fields else broken_answer("it has no choices")
    return answer


async def parse_chunks(pieces: AsyncIterator[bytes], expected: int, idle_seconds: float) -> AsyncGenerator[Chunk, None]:
    """The chunks of a stream up to `[DONE]`, which a server may leave out once as many choices as `expected` are
    finished. Some servers go on then, having used a tool themselves; some neither close the stream nor end it, so it
    counts as ended after `idle_seconds` in which nothing came, or LIVELY times as long without an event.

    Raises ApiError, ErrorInside, msgspec.DecodeError, RecursionError or TooLarge.
    """
    choices, patience, numbering = _Choices(expected), _Patience(pieces, idle_seconds), _Numbering(expected)
    found = events(patience.pieces())
    while (event := await patience.next(found, is_over=choices.have_all_finished())) is not None:
        if event.data.startswith("[DONE]"):
            await _drain(found)
            break
        if chunk := _chunk(event):
            numbering.mend(chunk["choices"])
            choices.note(chunk)
            yield chunk
    if not choices.have_finished_as_begun() and (event is None or choices.others_have_finished):
        raise broken_answer("it ends before the model has finished")
    if choices.are_missing:
        raise empty_answer()


class _Choices:
    """Which choices of a stream have begun and which have finished, by index. Without one, each finish is another's."""

    def __init__(self, expected: int) -> None:
        """If a server sends more than the `expected` ones, those count that arrive first."""
        self.are_missing = True
        self.others_have_finished = False
        self._expected = expected
        self._begun: set[bytes] = set()
        self._finished: set[bytes] = set()

    def note(self, chunk: Chunk) -> None:
        """What this chunk says of them."""
        for choice in chunk["choices"]:
            self.are_missing = False
            is_finished = bool(choice.get("finish_reason"))
            given = choice.get("index")
            index = bytes(given) if isinstance(given, msgspec.Raw) else b"%d" % (is_finished and len(self._finished))
            if len(self._begun) < self._expected:
                self._begun.add(index)
            if is_finished and index in self._begun:
                self._finished.add(index)
            elif is_finished:
                self.others_have_finished = True

    def have_all_finished(self) -> bool:
        """Whether as many have as were expected."""
        return len(self._finished) == self._expected

    def have_finished_as_begun(self) -> bool:
        """Whether at least one has, and all that have begun: some servers give fewer than were expected."""
        return bool(self._finished) and self._finished == self._begun


class _Numbering:
    """Some servers count the events of a stream where the index of the choice belongs."""

    def __init__(self, expected: int) -> None:
        """`expected` choices were asked for; of several nobody could tell what is counted."""
        self._next: int | None = 0 if expected == 1 else None

    def mend(self, choices: list[JsonObject]) -> None:
        """Number the one choice of an event 0 as long as each is numbered one higher than that of the event before."""
        if self._next is None or not choices:
            return
        if len(choices) > 1 or choices[0].get("index") != msgspec.Raw(b"%d" % self._next):
            self._next = None
            return
        choices[0]["index"] = FIRST
        self._next += 1


class _Patience:
    """How long to wait for another event once all may have come."""

    def __init__(self, pieces: AsyncIterator[bytes], seconds: float) -> None:
        """`seconds` from the last piece of the body on: a comment shows that the server is at work."""
        self._pieces, self._seconds = pieces, seconds
        self._timeout: asyncio.Timeout | None = None
        self._end = 0.0  # of all patience, in seconds of the event loop's clock

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        async for piece in self._pieces:
            if self._timeout:
                self._timeout.reschedule(min(asyncio.get_running_loop().time() + self._seconds, self._end))
            yield piece

    async def next(self, found: AsyncIterator[Event], *, is_over: bool) -> Event | None:
        """The next event; None at the end, or if it is late once the answer `is_over`."""
        if not is_over:
            return await anext(found, None)
        self._end = asyncio.get_running_loop().time() + LIVELY * self._seconds
        try:
            async with asyncio.timeout(self._seconds) as self._timeout:
                return await anext(found, None)
        except TimeoutError:
            return None
        finally:
            self._timeout = None


async def _drain(found: AsyncIterator[Event]) -> None:
    """Nothing follows `[DONE]`, but only a connection read to the end of the body can be reused."""
    with suppress(TimeoutError, TooLarge, BrokenResponse):
        async with asyncio.timeout(END_SECONDS):
            async for _ in found:
                pass


def _chunk(event: Event) -> Chunk | None:
    """The event's chunk; None if it says nothing about the answer."""
    if FAILED_TYPE.fullmatch(event.type):
        raise ErrorInside(event.data.encode())
    fields = _fields_of(event)
    if not fields or (event.type != MESSAGE and fields.keys().isdisjoint(ABOUT_ANSWER)):
        return None  # an event of another type is about something else
    chunk: Chunk = _checked(fields)
    if not chunk["choices"]:
        _check_failure(fields)
    return chunk if chunk["choices"] or _is_told_without_choice(fields) else None


def _fields_of(event: Event) -> Fields | None:
    """None if it is not a chunk: a server may put anything into events of a type of its own."""
    data = event.data.strip() or "null"
    if PING.fullmatch(data):
        return None
    try:
        # Line ends between its tokens would end our own event.
        return _fields(msgspec.json.format(data, indent=-1) if "\n" in data else data)
    except msgspec.ValidationError:  # JSON, and no object: what says nothing of the answer
        return None
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
    if raw.get("index") == NULL:
        del choice["index"]
    for name in ("delta", "message"):
        if name in raw:
            choice[name] = _message(raw[name])
    if "finish_reason" in raw:
        reason = _text(raw["finish_reason"])
        choice["finish_reason"] = reason = None if reason in NO_REASON else reason
        if reason and "error" in reason.lower():
            raise ErrorInside(b"null")
    return choice


def _check_errors(fields: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if name in fields and bytes(fields[name]) not in NOTHING:
            raise ErrorInside(bytes(fields[name]))


def _check_failure(fields: Fields) -> None:
    """A chunk without choices is looked at more closely: if no field says what it is, it may be an error. Raises
    ErrorInside.
    """
    if fields.keys().isdisjoint(SAY_WHAT_IT_IS):
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
