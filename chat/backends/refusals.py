"""What a language model's server says about a request that it refuses, in whatever shape."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from chat.backends import JsonObject
from chat.backends.masking import MAX_SEARCHED, Secrets

CALLERS_FAULT = {400, 413, 422}  # when a prompt is too long, for example
CALLERS_CODES = {str(status) for status in CALLERS_FAULT}
CALLERS_TYPES = {"invalid_request_error", "BadRequestError", "exceed_context_size_error"}
MAX_QUOTED = 500  # characters of the server's message that callers are told
MAX_NAME = 64  # of the parameter and of the code
MAX_TEXTS = 3  # of a list of errors
MAX_DEPTH = 6
OVERFLOW_CODE = "context_length_exceeded"

# Where the text is: OpenAI's object, FastAPI's and Mistral's list of details, Gemini's list, Cloudflare's of errors,
# problem details. An `error` that is a string may be just the name of the status, beside a message.
TEXTS = (
    "message", "detail", "msg", "errors", "error_message", "error_msg", "error_description", "reason", "Message",
    "title",
)  # fmt: skip
DETAILS = ("param", "code", "type", "loc")

# How servers say that a request exceeds the model's context, each in its own words: OpenAI's clients act only on the
# code. They name what is measured, and say that it is too much. Rate limits and the size of images do not count.
MEASURE = re.compile(
    r"context[ _-](?:length|size|window|limit|overflow)|context overflow|(?:tokens?|model)[ _](?:count|limit|length)"
    r"|(?:prompt|inputs?|sequence|seq|query|message)`?[ _](?:tokens?|len(?:gth)?|count)"
    r"|too many (?:input |prompt )?tokens|(?:less|fewer|more) than \d{1,9} tokens|max(?:imum)? size: \d{1,9} tokens"
    r"|prompt.{0,40}too[ _](?:long|large)|input.{0,40}too[ _]long|request[ _]too[ _]large"
    r"|(?:prompt|input) (?:exceeds|is longer)|length of (?:the|your) (?:messages|prompt|input)",
    re.IGNORECASE,
)
EXCESS = re.compile(
    r"exceed|too[ _](?:long|large|many)|(?:greater|longer|larger|bigger|more|less|fewer) than|reduce the length|reached"
    r"|overflow|requested|but the|is only|supports? up to|must be <=|should be \[|max(?:imum)? size",
    re.IGNORECASE,
)
OTHER_LIMITS = re.compile(
    r"rate[ _-]?limit|per (?:second|minute|hour|day)|\bTPM\b|quota|please wait"
    r"|\bmax_(?:completion_|output_)?tokens\W{0,2} (?:must|should|has to|cannot|can't) be",
    re.IGNORECASE,
)

# How servers say that a model cannot do what a request asks for, by what that is; some with a status that is no
# caller's fault, such as OpenRouter's 404 and llama.cpp's 500.
FEATURES = {
    "tools": re.compile(r"\btools?\b|tool_(?:use|call|choice)|function[_ ]call|jinja", re.IGNORECASE),
    "functions": re.compile(r"function[_ ]call", re.IGNORECASE),
    "response_format": re.compile(
        r"response[_ ]format|json[_ ]?(?:schema|mode|object)|grammar|structured", re.IGNORECASE
    ),
    "messages": re.compile(r"\b(?:images?|vision|audio|files?|multi-?modal|modalit(?:y|ies)|mmproj)\b", re.IGNORECASE),
}


# What such a message also says: a parser of tool calls that has failed names tools as well.
CANNOT = re.compile(
    r"n['o]t (?:yet |currently )?(?:support|available|enabled|allowed|implemented|accept|handle|a \w{1,20} model)"
    r"|no support|unsupported|requires?\b|disabled|no endpoints found"
    r"|(?:cannot|can't|unable to) (?:process|handle|accept|use|call)",
    re.IGNORECASE,
)

# A server that is busy has limits too, of messages or tokens: what it says of them is about no request.
BUSY = re.compile(
    r"retry (?:later|in|after)|(?:try|come) again|overload|\bbusy\b|\bqueue|in flight|loaded model", re.IGNORECASE
)


class Refusal(NamedTuple):
    """One line of plain text, empty if the server does not say why, and what else OpenAI's clients look at."""

    message: str
    param: str | None
    code: str | None
    is_overflow: bool
    is_callers_fault: bool

    @property
    def is_of_a_busy_server(self) -> bool:
        """Whether it asks to come again, so that its limit is none of the model's."""
        return BUSY.search(self.message) is not None


def refusal_in(said: bytes, secrets: Secrets) -> Refusal:
    """What the server says, without our secrets."""
    value = _read(said)
    found = list(_texts(value, {}))[:MAX_TEXTS]
    details = found[0][1] if found else _outer(value)
    message = secrets.masked("; ".join(dict.fromkeys(text for text, _ in found)))
    param, code, type, place = (
        secrets.masked(name)[:MAX_NAME] if isinstance(name, str) else ""
        for name in (*map(details.get, ("param", "code", "type")), _place(details))
    )
    is_overflow = reports_overflow(f"{message} {code} {type}")
    is_callers_fault = is_overflow or str(details.get("code"))[:8] in CALLERS_CODES or type in CALLERS_TYPES
    param, code = (param or place or "messages", OVERFLOW_CODE) if is_overflow else (param or place, code)
    return Refusal(message[:MAX_QUOTED], param or None, code or None, is_overflow, is_callers_fault)


def refused_feature(message: str, request: Mapping[str, object]) -> str | None:
    """The parameter of the request that the server's message is about: what the model cannot do. None if about none.

    `messages` stands for content that is more than text.
    """
    message = message[:MAX_SEARCHED]
    if not CANNOT.search(message) or BUSY.search(message):
        return None
    asked = [name for name in ("tools", "functions", "response_format") if request.get(name)]
    messages = request.get("messages")
    if isinstance(messages, list) and any(map(_shows_something, messages)):
        asked.append("messages")
    return next((name for name in asked if FEATURES[name].search(message)), None)


def _shows_something(message: JsonObject) -> bool:
    """Whether its content is more than text, which may come in parts too."""
    parts = message.get("content")
    return isinstance(parts, list) and any(part.get("type") != "text" for part in parts)


def reports_overflow(text: str) -> bool:
    """Whether it says that a request was longer than the model's context."""
    text = text[:MAX_SEARCHED]
    return bool(MEASURE.search(text) and EXCESS.search(text)) and not OTHER_LIMITS.search(text)


def _outer(value: object) -> JsonObject:
    """The details of an error that has no text."""
    error = value.get("error", value) if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _read(said: bytes) -> object:
    """JSON, or text; None for a proxy's HTML page and truncated JSON."""
    try:
        return msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError):
        text = said.decode(errors="replace").strip()
        return None if text.startswith(("<", "{", "[")) else text


def _texts(value: object, around: JsonObject, depth: int = MAX_DEPTH) -> Iterator[tuple[str, JsonObject]]:
    """The texts in the value, each with the details found beside and around it."""
    if isinstance(value, str) and value.strip():
        place = _place(around)
        yield f"{place}: {value}" if place else value, around
    elif depth and isinstance(value, list):
        for each in value[:MAX_TEXTS]:
            yield from _texts(each, around, depth - 1)
    elif depth and isinstance(value, dict):
        yield from _texts_of(value, around | {name: value[name] for name in DETAILS if name in value}, depth - 1)


def _texts_of(fields: JsonObject, details: JsonObject, depth: int) -> Iterator[tuple[str, JsonObject]]:
    names = (*TEXTS, "error") if isinstance(fields.get("error"), str) else ("error", *TEXTS)
    found = (list(_texts(fields.get(name), details, depth)) for name in names)
    yield from next(filter(None, found), [])
    metadata = fields.get("metadata")  # OpenRouter's: what the provider said; the message says only that it failed
    if isinstance(metadata, dict) and isinstance(raw := metadata.get("raw"), str):
        yield from _texts(_read(raw.encode(errors="replace")), details, depth)


def _place(details: JsonObject) -> str:
    """The field that FastAPI complains about."""
    loc = details.get("loc")
    parts = [part for part in loc[:MAX_DEPTH] if part != "body"] if isinstance(loc, list) else []
    return ".".join(str(part)[:MAX_NAME] for part in parts if isinstance(part, str | int))
