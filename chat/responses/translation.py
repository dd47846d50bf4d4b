"""Turns a request to the Responses API into the equivalent one to the chat API."""

from collections.abc import Sequence

import msgspec
from django.conf import settings

from chat.backends import JsonObject
from chat.responses.items import Item, messages
from chat.responses.requests import (
    ResponsesAllowedTools,
    ResponsesFunctionChoice,
    ResponsesJsonObject,
    ResponsesJsonSchema,
    ResponsesPlainText,
    ResponsesRequest,
)

# Named alike in both APIs.
SAME = (
    *("model", "stream", "temperature", "top_p", "top_logprobs", "service_tier"),
    *("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
)


def for_chat(request: ResponsesRequest, items: Sequence[Item], conversation: str | None) -> JsonObject:
    """The equivalent request to the chat API, with these items as its input. Raises ApiError.

    Without the instructions: in a conversation they come before messages that are stored there.
    """
    metadata = (request.metadata or {}) | ({"conversation": conversation} if conversation else {})
    same = {name: getattr(request, name) for name in (*SAME, *settings.LLM_EXTRA_PARAMETERS)}
    made = (
        same
        | _tools(request)
        | {
            "messages": messages(items),
            "metadata": metadata or None,
            "max_completion_tokens": request.max_output_tokens,
            "reasoning_effort": request.reasoning.effort if request.reasoning else None,
            "verbosity": request.text.verbosity if request.text else None,
            "response_format": _format(request.text.format) if request.text else None,
            "logprobs": request.wants_logprobs or None,
            "stream_options": {"include_usage": True} if request.stream else None,
        }
    )
    return {name: value for name, value in made.items() if value not in (None, msgspec.UNSET)}


def _tools(request: ResponsesRequest) -> JsonObject:
    """Without tools, parameters about them have no effect."""
    choice, tools = request.tool_choice, request.tools
    if isinstance(choice, ResponsesAllowedTools):  # few servers know this choice; offering no others does the same
        allowed = {tool.name for tool in choice.tools}
        choice, tools = choice.mode, [tool for tool in tools if tool.name in allowed]
    if not tools:
        return {}
    named = (
        {"type": "function", "function": {"name": choice.name}} if isinstance(choice, ResponsesFunctionChoice) else None
    )
    return {
        "tools": [tool.for_chat() for tool in tools],
        "tool_choice": named or choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _format(format: ResponsesPlainText | ResponsesJsonObject | ResponsesJsonSchema | None) -> JsonObject | None:
    if isinstance(format, ResponsesJsonObject):
        return {"type": "json_object"}
    if isinstance(format, ResponsesJsonSchema):
        fields = msgspec.structs.asdict(format)
        return {
            "type": "json_schema",
            "json_schema": {name: value for name, value in fields.items() if value is not None},
        }
    return None
