"""What the OpenAPI document says of a streamed response: each event by its type."""

from typing import Any

import msgspec

from chat.openapi_answers import ChatErrorDetail
from chat.responses.schema import (
    ResponsesAnswer,
    ResponsesOutputCall,
    ResponsesOutputMessage,
    ResponsesRefusalPart,
    ResponsesTextPart,
)


class _Event(msgspec.Struct, tag_field="type"):
    sequence_number: int


class _OfResponse(_Event):
    response: ResponsesAnswer


class ResponsesCreated(_OfResponse, tag="response.created"):
    """The answer begins."""


class ResponsesInProgress(_OfResponse, tag="response.in_progress"):
    """The language model is asked."""


class ResponsesCompleted(_OfResponse, tag="response.completed"):
    """The end: this is the whole answer."""


class ResponsesIncomplete(_OfResponse, tag="response.incomplete"):
    """The end of an answer that was cut short."""


class ResponsesFailed(_OfResponse, tag="response.failed"):
    """The end, without an answer."""


class ResponsesError(_Event, tag="error"):
    """Why there is no answer, or no more of it."""

    message: str
    param: str | None
    code: str | None
    error: ChatErrorDetail


class _OfItem(_Event):
    output_index: int
    item: ResponsesOutputMessage | ResponsesOutputCall


class ResponsesItemAdded(_OfItem, tag="response.output_item.added"):
    """A message or a call begins."""


class ResponsesItemDone(_OfItem, tag="response.output_item.done"):
    """A message or a call is over."""


class _InItem(_Event):
    item_id: str
    output_index: int


class _InMessage(_InItem):
    content_index: int


class _OfPart(_InMessage):
    part: ResponsesTextPart | ResponsesRefusalPart


class ResponsesPartAdded(_OfPart, tag="response.content_part.added"):
    """A part of a message begins."""


class ResponsesPartDone(_OfPart, tag="response.content_part.done"):
    """A part of a message is over."""


class ResponsesTextDelta(_InMessage, tag="response.output_text.delta"):
    """More of a text."""

    delta: str
    logprobs: list[dict[str, Any]]


class ResponsesTextDone(_InMessage, tag="response.output_text.done"):
    """A whole text."""

    text: str
    logprobs: list[dict[str, Any]]


class ResponsesRefusalDelta(_InMessage, tag="response.refusal.delta"):
    """More of a refusal."""

    delta: str


class ResponsesRefusalDone(_InMessage, tag="response.refusal.done"):
    """A whole refusal."""

    refusal: str


class ResponsesArgumentsDelta(_InItem, tag="response.function_call_arguments.delta"):
    """More of the arguments of a call."""

    delta: str


class ResponsesArgumentsDone(_InItem, tag="response.function_call_arguments.done"):
    """All arguments of a call."""

    name: str
    arguments: str


STRUCTS = (
    ResponsesCreated,
    ResponsesInProgress,
    ResponsesItemAdded,
    ResponsesPartAdded,
    ResponsesTextDelta,
    ResponsesTextDone,
    ResponsesRefusalDelta,
    ResponsesRefusalDone,
    ResponsesPartDone,
    ResponsesArgumentsDelta,
    ResponsesArgumentsDone,
    ResponsesItemDone,
    ResponsesCompleted,
    ResponsesIncomplete,
    ResponsesError,
    ResponsesFailed,
)
