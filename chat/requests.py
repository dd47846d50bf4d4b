"""What a caller may ask for: OpenAI's parameters as far as they are passed on, checked before anything else is done."""

import asyncio
import re
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from rest_framework.exceptions import APIException

from chat.errors import ApiError, bad_request
from conversations.models import MAX_JSON_BYTES
from rest.parsers import MAX_TEXT, parse_json

Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Value = Annotated[str, msgspec.Meta(max_length=512)]

# Values that clients send for parameters they do not use: they mean what leaving the parameter out means. Any other
# value would change the answer, so ignoring it silently would mislead the caller.
NEUTRAL: dict[str, list[object]] = {
    "n": [1],
    "store": [False],
    "logprobs": [False],
    "tools": [[]],
    "functions": [[]],
    "tool_choice": ["none", "auto"],
    "function_call": ["none", "auto"],
    "parallel_tool_calls": [True, False],
    "logit_bias": [{}],
    "modalities": [["text"]],
    "response_format": [{"type": "text"}],
    "service_tier": ["auto", "default"],
    "top_logprobs": [0],
    "user": [""],
}
IGNORED = {"prompt_cache_key", "safety_identifier"}  # no answer depends on them
ANSWER_EXTRAS = {
    "refusal",
    "reasoning",
    "reasoning_content",
    "annotations",
    "audio",
}  # what models send beside the text
THREAD_BYTES = 16 * 1024  # a longer body takes milliseconds to parse, which a thread does


class ChatTextPart(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a message. Text only: the language model's server would fetch the URL of an image."""

    type: Literal["text"]
    text: str


class ChatMessage(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[ChatTextPart], msgspec.Meta(min_length=1)]
    name: Text | None = None


class ChatStreamOptions(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What a stream contains besides the text."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """All supported parameters. Those that are sent are passed on to the language model, but for `model`."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: ChatStreamOptions | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Text | Annotated[list[Text], msgspec.Meta(max_length=4)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    user: Text | None = None
    reasoning_effort: Text | None = None
    verbosity: Text | None = None
    response_format: dict[str, Any] | None = None
    metadata: Annotated[dict[Label, Value], msgspec.Meta(max_length=16)] | None = None

    def passed_on(self) -> dict[str, object]:
        """The parameters for the language model, without the messages. Our own metadata is left out."""
        given: dict[str, object] = msgspec.to_builtins(self)
        metadata = {name: value for name, value in (self.metadata or {}).items() if name != "conversation"}
        left = {name: value for name, value in given.items() if name not in {"model", "messages", "metadata"}}
        return left | ({"metadata": metadata} if metadata else {})


async def read(body: bytes, content_type: bytes) -> ChatRequest:
    """Parses and checks a request. Raises ApiError that names the parameter at fault."""
    if len(body) > THREAD_BYTES:
        return await asyncio.to_thread(_read, body, content_type)
    return _read(body, content_type)


def _read(body: bytes, content_type: bytes) -> ChatRequest:
    parsed = _parse(body, content_type.decode("latin-1"))
    if not isinstance(parsed, dict):
        raise bad_request("The body must be one JSON object.", "body")
    given = {name: value for name, value in parsed.items() if _has_effect(name, value)}
    if isinstance(given.get("messages"), list):
        given["messages"] = [_without_extras(message) for message in given["messages"]]
    request = _convert(given)
    if request.stream_options and not request.stream:
        raise bad_request("stream_options: allowed only with stream.", "stream_options")
    return request


def _has_effect(name: str, value: object) -> bool:
    return value is not None and name not in IGNORED and value not in NEUTRAL.get(name, ())


def _without_extras(message: object) -> object:
    """Clients send an answer back just as they received it: with a null refusal, empty annotations, reasoning."""
    if not isinstance(message, dict):
        return message
    is_answer = message.get("role") == "assistant"
    extras = ANSWER_EXTRAS if is_answer else set()
    left = {
        name: value
        for name, value in message.items()
        if name not in extras and value is not None and (value != [] or name == "content")
    }
    return {"content": "", **left} if is_answer and "content" in message else left


def _parse(body: bytes, content_type: str) -> object:
    """With the parser of all other endpoints: bounded, UTF-8, no duplicate keys, no NUL."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json.", param="content-type")
    try:
        return parse_json(body, content_type, max_bytes=MAX_JSON_BYTES)
    except APIException as error:
        raise _to_api_error(error) from None


def _to_api_error(error: APIException) -> ApiError:
    detail = error.detail
    param = next(iter(detail)) if isinstance(detail, dict) else "content-type"
    message = str(detail[param] if isinstance(detail, dict) else detail)
    return ApiError(HTTPStatus(error.status_code), message, param=param)


def _convert(given: dict[str, object]) -> ChatRequest:
    if unknown := given.keys() - set(ChatRequest.__struct_fields__):
        name = min(unknown)
        raise bad_request(f"Companion does not support this parameter, or this value of it: {name:.64}.", name[:64])
    try:
        return msgspec.convert(given, ChatRequest)
    except msgspec.ValidationError as error:
        raise _invalid_parameter(str(error)) from None


def _invalid_parameter(message: str) -> ApiError:
    """msgspec puts the path behind it, "Expected `int`, got `str` - at `$.seed`", and may repeat all that was sent."""
    what, _, where = message.partition(" - at `$")
    field = re.fullmatch("Object (?:missing required|contains unknown) field `(.*)`", what)
    path = f"{where.rstrip('`')}.{field[1]}" if field else where.rstrip("`")
    param = re.sub(r"\[\.\.\.\]", "", path).strip(".")[:MAX_TEXT]
    return bad_request(f"{param}: {what:.{MAX_TEXT}}." if param else f"{what:.{MAX_TEXT}}.", param or None)
