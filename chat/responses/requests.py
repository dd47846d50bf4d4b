"""What a caller of the Responses API may ask for, checked before anything else is done."""

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from django.conf import settings

from chat.backends import JsonObject
from chat.content_parts import NonEmptyWord
from chat.errors import bad_request
from chat.parameters import has_effect, with_effect
from chat.requests import Metadata, Tokens, TopLogprobs, TopP
from chat.responses.items import ITEM_TYPES, Item, with_type
from personalities.config import Temperature

# Values that mean the same as leaving the parameter out, for those that the chat API lacks: see `chat.parameters`.
NEUTRAL: dict[str, list[object]] = {
    "background": [False],
    "include": [[]],
    "text": [{}],
    "truncation": ["auto", "disabled"],  # nothing is left out silently: what is too long is refused by the model
}
# No answer depends on them: they are about caches, the server's own tools, or what a stream looks like.
IGNORED = {
    "max_tool_calls",
    "prompt_cache_options",
    "stream_options",
}
# What nothing stands for in the chat API, unless the operator passes it on, and what to do instead.
ONLY_AT_OPENAI = {
    "background": "An answer is given while the caller waits for it: leave it out.",
    "prompt": "Prompts that are stored at OpenAI are not known here: send `instructions`.",
}
LOGPROBS = "message.output_text.logprobs"  # in `include`; whatever else may be in there concerns tools of the server's


class ResponsesFunction(msgspec.Struct, tag="function", omit_defaults=True):
    """A function that the model may call."""

    name: NonEmptyWord
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None

    def for_chat(self) -> JsonObject:
        """In the form of the chat API."""
        fields = msgspec.structs.asdict(self)
        return {"type": "function", "function": {name: value for name, value in fields.items() if value is not None}}


class ResponsesFunctionChoice(msgspec.Struct, tag="function"):
    """The function that is to be called."""

    name: NonEmptyWord


class ResponsesAllowedFunction(msgspec.Struct):
    """One of the functions that may be called."""

    name: NonEmptyWord
    type: Literal["function"] = "function"


class ResponsesAllowedTools(msgspec.Struct, tag="allowed_tools"):
    """The functions that may be called, or of which one must be."""

    mode: Literal["auto", "required"]
    tools: list[ResponsesAllowedFunction]


class ResponsesPlainText(msgspec.Struct, tag="text"):
    """Any text."""


class ResponsesJsonObject(msgspec.Struct, tag="json_object"):
    """Any JSON object."""


class ResponsesJsonSchema(msgspec.Struct, tag="json_schema", omit_defaults=True):
    """JSON that keeps to a schema."""

    name: NonEmptyWord
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class ResponsesText(msgspec.Struct, omit_defaults=True):
    """What the text of the answer is to be like."""

    format: ResponsesPlainText | ResponsesJsonObject | ResponsesJsonSchema | None = None
    verbosity: NonEmptyWord | None = None


class ResponsesReasoningOptions(msgspec.Struct, omit_defaults=True):
    """How much the model is to think. Summaries of it are not made."""

    effort: NonEmptyWord | None = None


class ResponsesConversation(msgspec.Struct):
    """A conversation that is kept here."""

    id: NonEmptyWord


class ResponsesRequest(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """All supported parameters."""

    aliases: ClassVar[dict[str, str]] = {  # by their names in the chat API
        "max_completion_tokens": "max_output_tokens",
        "max_tokens": "max_output_tokens",
        "messages": "input",
        "reasoning_effort": "reasoning.effort",
        "response_format": "text.format",
        "verbosity": "text.verbosity",
    }

    model: Annotated[str, msgspec.Meta(min_length=1)]
    input: str | Annotated[list[Item], msgspec.Meta(min_length=1)]
    instructions: str | None = None
    conversation: NonEmptyWord | ResponsesConversation | None = None
    previous_response_id: NonEmptyWord | None = None
    metadata: Metadata | None = None
    stream: bool | None = None
    store: bool | None = None
    include: list[NonEmptyWord] = []
    tools: list[ResponsesFunction] = []
    tool_choice: Literal["none", "auto", "required"] | ResponsesFunctionChoice | ResponsesAllowedTools | None = None
    parallel_tool_calls: bool | None = None
    text: ResponsesText | None = None
    reasoning: ResponsesReasoningOptions | None = None
    max_output_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_logprobs: TopLogprobs | None = None
    service_tier: NonEmptyWord | None = None
    user: NonEmptyWord | None = None
    safety_identifier: NonEmptyWord | None = None
    prompt_cache_key: NonEmptyWord | None = None
    prompt_cache_retention: NonEmptyWord | None = None

    @property
    def conversation_id(self) -> str | None:
        """The conversation that is named, in one of three ways. Raises ApiError if two of them are named."""
        named = self.conversation.id if isinstance(self.conversation, ResponsesConversation) else self.conversation
        in_metadata = (self.metadata or {}).get("conversation")
        if named and in_metadata and named != in_metadata:
            raise bad_request("conversation: metadata names another one: send one.", "conversation")
        return named or in_metadata

    @property
    def wants_logprobs(self) -> bool:
        """Whether the answer is to have log probabilities."""
        return self.top_logprobs is not None or LOGPROBS in self.include


def fields_of(body: JsonObject) -> JsonObject:
    """The body as far as it has an effect, with the type of each item. Raises ApiError for what only OpenAI has."""
    ours = {name: value for name, value in body.items() if name not in IGNORED and value not in NEUTRAL.get(name, ())}
    given = _without_neutral_options(with_effect(ours, settings.LLM_EXTRA_PARAMETERS))
    for name in ONLY_AT_OPENAI.keys() & given.keys() - {*settings.LLM_EXTRA_PARAMETERS}:
        raise bad_request(f"{name}: {ONLY_AT_OPENAI[name]}", name)
    items, tools = given.get("input"), given.get("tools")
    if isinstance(items, list):
        typed = [with_type(item) for item in items]
        _check_types("input", typed, ITEM_TYPES)
        given["input"] = typed
    if isinstance(tools, list):
        _check_types("tools", tools, {"function"})
    return given


def _without_neutral_options(given: JsonObject) -> JsonObject:
    """Without options whose values have no effect in the chat API, which has other names for them."""
    for in_chat, here in ResponsesRequest.aliases.items():
        name, _, option = here.partition(".")
        if option and isinstance(options := given.get(name), dict) and not has_effect(in_chat, options.get(option), ()):
            given[name] = {key: value for key, value in options.items() if key != option}
    return given


def _check_types(name: str, values: list[object], known: Collection[str]) -> None:
    for index, value in enumerate(values):
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind not in known:
            message = f"{name}[{index}]: Companion does not know {kind!r:.80}, only {' and '.join(sorted(known))}."
            raise bad_request(message, f"{name}[{index}].type")
