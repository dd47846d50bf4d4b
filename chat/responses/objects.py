"""OpenAI's `response` object: what it repeats of the request, how it ended and what it cost."""

from http import HTTPStatus
from time import time
from typing import Any

import msgspec

from chat.backends import JsonObject
from chat.errors import ApiError
from chat.responses.deltas import raw
from chat.responses.output import COMPLETED, IN_PROGRESS, INCOMPLETE
from chat.responses.requests import ResponsesRequest

# The finish reasons of a chat answer that leave it incomplete.
INCOMPLETE_REASONS = {  # by finish reasons, of which other servers have names of their own
    **dict.fromkeys(("length", "max_tokens", "MAX_TOKENS", "model_length"), "max_output_tokens"),
    "content_filter": "content_filter",
}
FAILED_CODES = {HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_exceeded"}  # the only codes in this object's `error`, and:
SERVER_ERROR = "server_error"
# The parameters of a request that are repeated, with their values if not sent.
REPEATED: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "service_tier": "default",
    "temperature": None,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": None,
    "user": None,
}


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


_usage = msgspec.json.Decoder(_Usage | None).decode


def beginning(request: ResponsesRequest, id: str, model: str, conversation: str | None) -> JsonObject:
    """A response that is in progress, with all that the request has set."""
    fields: dict[str, Any] = msgspec.to_builtins(request)
    repeated = {name: fields.get(name, default) for name, default in REPEATED.items()}
    return (
        empty(id, model, int(time()), conversation)
        | repeated
        | {
            "reasoning": {"effort": None, "summary": None} | fields.get("reasoning", {}),
            "store": request.store is not False,
            "text": {"format": {"type": "text"}} | fields.get("text", {}),
            "tools": [
                {"description": None, "parameters": None, "strict": False} | tool for tool in fields.get("tools", [])
            ],
        }
    )


def empty(id: str, model: str, created_at: int, conversation: str | None) -> JsonObject:
    """A response that says nothing yet, to a request that has set nothing. Each field that clients rely on is there."""
    return REPEATED | {
        "id": id,
        "object": "response",
        "created_at": created_at,
        "status": IN_PROGRESS,
        "background": False,
        "completed_at": None,
        "conversation": {"id": conversation} if conversation else None,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "reasoning": {"effort": None, "summary": None},
        "store": conversation is not None,
        "text": {"format": {"type": "text"}},
        "tools": [],
        "truncation": "disabled",
        "usage": None,
    }


def ended(
    begun: JsonObject, finish_reason: str | None, output: list[JsonObject], usage: JsonObject | None, at: int
) -> JsonObject:
    """The same response when the model has answered."""
    reason = INCOMPLETE_REASONS.get(finish_reason or "")
    end = {"incomplete_details": {"reason": reason}} if reason else {"completed_at": at}
    return begun | end | {"status": status_after(finish_reason), "output": output, "usage": usage}


def status_after(finish_reason: str | None) -> str:
    """The status of an answer that ended for this reason."""
    return INCOMPLETE if finish_reason in INCOMPLETE_REASONS else COMPLETED


def failed(begun: JsonObject, error: ApiError) -> JsonObject:
    """The same response when the model could not answer."""
    told = {"code": FAILED_CODES.get(error.status, SERVER_ERROR), "message": str(error)}
    return begun | {"status": "failed", "error": told}


def usage(chat: object) -> JsonObject | None:
    """The usage of an answer of the chat API, in the terms of the Responses API; None if it cannot be read."""
    try:
        found = _usage(raw(chat))
    except msgspec.DecodeError:
        return None
    if found is None:
        return None
    read, thought = found.prompt_tokens_details or _Details(), found.completion_tokens_details or _Details()
    return {
        "input_tokens": found.prompt_tokens,
        "input_tokens_details": {"cached_tokens": read.cached_tokens or 0, "cache_write_tokens": 0},
        "output_tokens": found.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": thought.reasoning_tokens or 0},
        "total_tokens": found.prompt_tokens + found.completion_tokens,
    }
