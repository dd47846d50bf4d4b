"""What the OpenAPI document says of the Responses API's answers. Requests are described by what reads them."""

from typing import Any, Literal

import msgspec

from chat.responses.requests import ResponsesRequest

PARTS = {"ResponsesInputImage": "image_url", "ResponsesInputFile": "file"}  # and what the chat API calls them
Status = Literal["in_progress", "completed", "incomplete"]


class ResponsesTextPart(msgspec.Struct, tag="output_text"):
    """What the answer says."""

    text: str
    annotations: list[dict[str, Any]]
    logprobs: list[dict[str, Any]]


class ResponsesRefusalPart(msgspec.Struct, tag="refusal"):
    """What the answer says instead of what was asked for."""

    refusal: str


class ResponsesOutputMessage(msgspec.Struct, tag="message"):
    """A message of the answer."""

    id: str
    status: Status
    role: Literal["assistant"]
    content: list[ResponsesTextPart | ResponsesRefusalPart]


class ResponsesOutputCall(msgspec.Struct, tag="function_call"):
    """A call of one of the caller's functions."""

    id: str
    status: Status
    call_id: str
    name: str
    arguments: str


class ResponsesInputDetails(msgspec.Struct):
    """How many of the tokens that were read the model knew already."""

    cached_tokens: int
    cache_write_tokens: int


class ResponsesOutputDetails(msgspec.Struct):
    """How many of the tokens that were written were thoughts."""

    reasoning_tokens: int


class ResponsesUsage(msgspec.Struct):
    """What the answer has cost, in tokens."""

    input_tokens: int
    input_tokens_details: ResponsesInputDetails
    output_tokens: int
    output_tokens_details: ResponsesOutputDetails
    total_tokens: int


class ResponsesIncompleteDetails(msgspec.Struct):
    """Why an answer is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class ResponsesFailure(msgspec.Struct):
    """Why there is no answer."""

    code: str
    message: str


class ResponsesConversationName(msgspec.Struct):
    """The conversation in which an answer is kept."""

    id: str


class ResponsesAnswer(msgspec.Struct):
    """An answer. It also repeats what the request has set."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    model: str
    output: list[ResponsesOutputMessage | ResponsesOutputCall]
    usage: ResponsesUsage | None
    incomplete_details: ResponsesIncompleteDetails | None
    error: ResponsesFailure | None
    conversation: ResponsesConversationName | None
    previous_response_id: str | None
    metadata: dict[str, str]
    instructions: str | None
    parallel_tool_calls: bool
    tools: list[dict[str, Any]]
    tool_choice: str | dict[str, Any]
    text: dict[str, Any]
    temperature: float | None
    top_p: float | None
    max_output_tokens: int | None


class ResponsesDeletion(msgspec.Struct):
    """That a response is deleted."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]


STRUCTS = (ResponsesRequest, ResponsesAnswer, ResponsesDeletion)


def relax(components: dict[str, Any]) -> None:
    """Relaxes what msgspec makes of the components: in some of them the type may be left out."""
    for name in ("ResponsesMessage", "ResponsesItemReference", "ResponsesFunction"):
        components[name]["required"].remove("type")
    del components["ResponsesRequest"]["properties"]["input"]["anyOf"][1]["items"]["discriminator"]
