"""What a caller may ask for: OpenAI's parameters as far as they are passed on, checked before anything else is done."""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, TypeVar, cast

import msgspec
from django.conf import settings
from rest_framework.exceptions import APIException

from chat.backends import MAX_CHOICES
from chat.content_parts import Word
from chat.errors import ApiError, bad_request
from chat.messages import ChatMessage, check_parts, normalised
from chat.parameters import with_effect
from conversations.models import MAX_JSON_BYTES
from personalities.config import Temperature
from rest.json_bounds import Bounds, OutOfBounds, place_of_excess
from rest.parsers import MAX_TEXT, parse_json

Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
Tokens = Annotated[int, msgspec.Meta(ge=-1, le=1_000_000)]  # -1 and 0: no limit, as if it were left out
Bias = Annotated[int, msgspec.Meta(ge=-100, le=100)] | Annotated[float, msgspec.Meta(ge=-100, le=100)]
TopP = Annotated[float, msgspec.Meta(ge=0, le=1)]
TopLogprobs = Annotated[int, msgspec.Meta(ge=0, le=20)]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Metadata = Annotated[dict[Label, Word], msgspec.Meta(max_length=16)]
JsonObject = dict[str, Any]

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
# Room for OpenAI's largest schemas: 5,000 properties, and 10 levels of objects, each perhaps in a list and an anyOf.
BOUNDS = Bounds(bytes=MAX_JSON_BYTES, depth=100, values=45_000)
THREAD_BYTES = 16 * 1024  # a longer body takes milliseconds to parse, which a thread does


class ChatStreamOptions(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What a stream contains besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """All parameters of OpenAI's. Those that are sent are passed on to the language model, but for `model`."""

    aliases: ClassVar[dict[str, str]] = {  # by their names in the Responses API and the oldest one
        "conversation": "metadata.conversation",
        "input": "messages",
        "instructions": "messages",
        "max_output_tokens": "max_completion_tokens",
        "prompt": "messages",
        "reasoning": "reasoning_effort",
        "text": "response_format",
    }

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: ChatStreamOptions | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHOICES)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Word | Annotated[list[Word], msgspec.Meta(max_length=4)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[Label, Bias] | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    response_format: JsonObject | None = None
    tools: list[JsonObject] | None = None
    tool_choice: Word | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    functions: list[JsonObject] | None = None
    function_call: Word | JsonObject | None = None
    reasoning_effort: Word | None = None
    verbosity: Word | None = None
    modalities: Annotated[list[Word], msgspec.Meta(max_length=4)] | None = None
    audio: JsonObject | None = None
    prediction: JsonObject | None = None
    web_search_options: JsonObject | None = None
    moderation: JsonObject | None = None
    service_tier: Word | None = None
    store: bool | None = None
    prompt_cache_key: Word | None = None
    prompt_cache_options: JsonObject | None = None
    prompt_cache_retention: Word | None = None
    safety_identifier: Word | None = None
    user: Word | None = None
    metadata: Metadata | None = None

    def passed_on(self) -> dict[str, object]:
        """The parameters for the language model, without the messages.

        Metadata describe what its server is to store, and OpenAI refuses them if it is to store nothing. Our own are
        left out.
        """
        given: dict[str, object] = msgspec.to_builtins(self)
        asked = self.metadata if self.store or "metadata" in settings.LLM_EXTRA_PARAMETERS else None
        metadata = {name: value for name, value in (asked or {}).items() if name != "conversation"}
        left = {name: value for name, value in given.items() if name not in {"model", "messages", "metadata"}}
        return left | ({"metadata": metadata} if metadata else {})


async def read(body: bytes, content_type: bytes) -> ChatRequest:
    """Parses and checks a request. Raises ApiError that names the parameter at fault."""
    return await by_size(body, lambda: checked(parsed(body, content_type)))


async def by_size(body: bytes, work: Callable[[], T]) -> T:
    """Does work whose time grows with the body: in a thread if the body is long."""
    return await asyncio.to_thread(work) if len(body) > THREAD_BYTES else work()


def parsed(body: bytes, content_type: bytes) -> JsonObject:
    """The JSON object in the body. Raises ApiError if it is not one."""
    value = _parse(body, content_type.decode("latin-1"))
    if not isinstance(value, dict):
        raise bad_request("The body must be one JSON object.", "body")
    return value


def checked(body: JsonObject) -> ChatRequest:
    """The request in a parsed body. Raises ApiError that names the parameter at fault."""
    given = with_effect(body, settings.LLM_EXTRA_PARAMETERS)
    if isinstance(messages := given.get("messages"), list):
        given["messages"] = normalised(messages)
    request = converted(given, ChatRequest)
    check_parts(request.messages)
    return request


def _check_names(given: JsonObject, known: Collection[str], aliases: Mapping[str, str]) -> None:
    if unknown := sorted(given.keys() - {*known}, key=lambda name: (name not in aliases, name)):
        names = ", ".join(f"{name:.64}" for name in unknown[:5])
        instead = aliases.get(unknown[0])
        what = f"Send {instead} instead" if instead else "Leave it out"
        hint = f"{what}, or have the operator add it to LLM_EXTRA_PARAMETERS."
        raise bad_request(f"{names}: not passed on to the language model. {hint}", unknown[0][:64])


def _parse(body: bytes, content_type: str) -> object:
    """With the parser of all other endpoints: bounded, UTF-8, no duplicate keys, no NUL."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json.", param="content-type")
    try:
        return parse_json(body, content_type, BOUNDS)
    except OutOfBounds as error:
        where = place_of_excess(body, BOUNDS) or "body"
        raise bad_request(f"{where}: {_to_api_error(error)}", where) from None
    except APIException as error:
        raise _to_api_error(error) from None


def _to_api_error(error: APIException) -> ApiError:
    detail = error.detail
    param = next(iter(detail)) if isinstance(detail, dict) else "content-type"
    message = str(detail[param] if isinstance(detail, dict) else detail)
    return ApiError(HTTPStatus(error.status_code), message, param=param)


def converted(given: JsonObject, kind: type[S]) -> S:
    """The fields as a struct, with the operator's extra parameters. Raises ApiError that names the parameter
    at fault.
    """
    extended = _with_extra(kind, tuple(settings.LLM_EXTRA_PARAMETERS))
    _check_names(given, extended.__struct_fields__, getattr(kind, "aliases", {}))
    try:
        return cast(S, msgspec.convert(given, extended))
    except msgspec.ValidationError as error:
        raise _invalid_parameter(str(error)) from None


@lru_cache(maxsize=8)
def _with_extra(kind: type[msgspec.Struct], extra: tuple[str, ...]) -> type[msgspec.Struct]:
    more = [(name, Any, msgspec.UNSET) for name in extra if name not in kind.__struct_fields__]
    return msgspec.defstruct(kind.__name__, more, bases=(kind,), omit_defaults=True, forbid_unknown_fields=True)


def _invalid_parameter(message: str) -> ApiError:
    """msgspec puts the path last, "Expected `int`, got `str` - at `$.seed`", and may repeat all that was sent."""
    what, _, where = message.partition(" - at `$")
    field = re.fullmatch("Object (?:missing required|contains unknown) field `(.*)`", what)
    path = f"{where.rstrip('`')}.{field[1]}" if field else where.rstrip("`")
    param = re.sub(r"\[\.\.\.\]", "", path).strip(".")[:MAX_TEXT]
    return bad_request(f"{param}: {what:.{MAX_TEXT}}." if param else f"{what:.{MAX_TEXT}}.", param or None)
