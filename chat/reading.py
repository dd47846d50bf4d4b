"""Reads what a caller asks for, before anything is asked of anybody. Every error names the parameter."""

import asyncio
import re
from http import HTTPStatus
from io import BytesIO
from typing import Any

import msgspec
from rest_framework.exceptions import APIException
from rest_framework.settings import api_settings

from chat.errors import ApiError, bad_request
from chat.requests import ChatRequest
from conversations.models import MAX_JSON_BYTES

# What other clients send without meaning it: the same as nothing. Any other value of these would change the answer, so
# that leaving it out in silence would be a lie.
NEUTRAL: dict[str, list[Any]] = {
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
UNUSED = {"prompt_cache_key", "safety_identifier"}  # no answer depends on them
OF_ANSWERS = {"refusal", "reasoning", "reasoning_content", "annotations", "audio"}  # what models say beside the text
LONG = 64 * 1024  # bytes: parsing more takes milliseconds, while which the event loop shall go on


async def read(body: bytes, content_type: bytes) -> ChatRequest:
    """Raises ApiError."""
    if len(body) > LONG:
        return await asyncio.to_thread(_read, body, content_type)
    return _read(body, content_type)


def _read(body: bytes, content_type: bytes) -> ChatRequest:
    plain = _plain(body, content_type.decode("latin-1"))
    if not isinstance(plain, dict):
        raise bad_request("The body is one JSON object.", "body")
    plain = {name: value for name, value in plain.items() if _means_something(name, value)}
    if isinstance(plain.get("messages"), list):
        plain["messages"] = [_text_alone(message) for message in plain["messages"]]
    request = _typed(plain)
    _check_together(request)
    return request


def _means_something(name: str, value: Any) -> bool:
    return value is not None and name not in UNUSED and value not in NEUTRAL.get(name, ())


def _text_alone(message: Any) -> Any:
    """Clients send an answer back as they had it: with a refusal of null, no annotations, and what a model thought."""
    if not isinstance(message, dict):
        return message
    is_answer = message.get("role") == "assistant"
    left_out = OF_ANSWERS if is_answer else {}
    said = {
        name: value
        for name, value in message.items()
        if name not in left_out and value is not None and (value != [] or name == "content")
    }
    return {"content": "", **said} if is_answer and "content" in message else said


def _plain(body: bytes, content_type: str) -> Any:
    """By the parser of all other endpoints: bounded, UTF-8, no duplicate keys, no NUL."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json.", param="content-type")
    parsers: Any = api_settings.DEFAULT_PARSER_CLASSES
    parser = parsers[0]()
    parser.max_bytes = MAX_JSON_BYTES
    try:
        return parser.parse(BytesIO(body), content_type)
    except APIException as error:
        raise _as_openai(error) from None


def _as_openai(error: APIException) -> ApiError:
    detail: Any = error.detail
    param = next(iter(detail)) if isinstance(detail, dict) else "content-type"
    message = str(detail[param] if isinstance(detail, dict) else detail)
    return ApiError(HTTPStatus(error.status_code), message, param=param)


def _typed(plain: dict[str, Any]) -> ChatRequest:
    if unknown := plain.keys() - set(ChatRequest.__struct_fields__):
        name = min(unknown)
        raise bad_request(f"Companion does not support this parameter, or this value of it: {name:.64}.", name[:64])
    try:
        return msgspec.convert(plain, ChatRequest)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None


def _named(message: str) -> ApiError:
    """msgspec says where after what: "Expected `int`, got `str` - at `$.seed`"."""
    what, _, where = message.partition(" - at `$")
    field = re.fullmatch("Object (?:missing required|contains unknown) field `(.*)`", what)
    path = f"{where.rstrip('`')}.{field[1]}" if field else where.rstrip("`")
    param = re.sub(r"\[\.\.\.\]", "", path).strip(".")
    return bad_request(f"{param}: {what}." if param else f"{what}.", param or None)


def _check_together(request: ChatRequest) -> None:
    if request.stream_options and not request.stream:
        raise bad_request("stream_options: only with stream.", "stream_options")
