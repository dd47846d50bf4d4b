"""What the OpenAPI document says of chat's answers. Requests are described by what reads them.

A language model's server may say more than is here: its answers are passed on as they are.
"""

from typing import Any, Literal

import msgspec

Unset = msgspec.UnsetType


class ChatModel(msgspec.Struct):
    """A personality that one can chat with."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ChatModelList(msgspec.Struct):
    """The caller's own personalities and the global ones."""

    object: Literal["list"]
    data: list[ChatModel]


class ChatAnswerFunction(msgspec.Struct):
    """The function that is called; `arguments` is JSON as the model wrote it."""

    name: str
    arguments: str


class ChatAnswerToolCall(msgspec.Struct):
    """A call of one of the caller's tools."""

    id: str
    type: str
    function: ChatAnswerFunction | Unset = msgspec.UNSET


class ChatAnswerMessage(msgspec.Struct):
    """What the personality says or calls, or why it does neither."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None | Unset = msgspec.UNSET
    tool_calls: list[ChatAnswerToolCall] | None | Unset = msgspec.UNSET


class ChatChoice(msgspec.Struct):
    """An answer, and why it ended."""

    index: int
    message: ChatAnswerMessage
    finish_reason: str | None
    logprobs: dict[str, Any] | None | Unset = msgspec.UNSET


class ChatUsage(msgspec.Struct):
    """What the answer has cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(msgspec.Struct):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage | None | Unset = msgspec.UNSET


class ChatDeltaFunction(msgspec.Struct):
    """More of a call: the name comes once, the arguments piece by piece."""

    name: str | Unset = msgspec.UNSET
    arguments: str | Unset = msgspec.UNSET


class ChatDeltaToolCall(msgspec.Struct):
    """More of the call with this index. Its id comes once."""

    index: int
    id: str | Unset = msgspec.UNSET
    type: str | Unset = msgspec.UNSET
    function: ChatDeltaFunction | Unset = msgspec.UNSET


class ChatDelta(msgspec.Struct):
    """What is to be added to the message."""

    role: Literal["assistant"] | Unset = msgspec.UNSET
    content: str | None | Unset = msgspec.UNSET
    refusal: str | None | Unset = msgspec.UNSET
    tool_calls: list[ChatDeltaToolCall] | None | Unset = msgspec.UNSET


class ChatChunkChoice(msgspec.Struct):
    """More of an answer and, with its last piece, why it ended."""

    index: int
    delta: ChatDelta
    finish_reason: str | None | Unset = msgspec.UNSET
    logprobs: dict[str, Any] | None | Unset = msgspec.UNSET


class ChatCompletionChunk(msgspec.Struct):
    """An event of a stream. Without choices it tells the usage."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: ChatUsage | None | Unset = msgspec.UNSET


class ChatErrorDetail(msgspec.Struct):
    """What is wrong and, where one is at fault, with which parameter."""

    message: str
    type: str
    param: str | None
    code: str | None


class ChatError(msgspec.Struct):
    """Why there is no answer or, as the last event of a stream, no more of it."""

    error: ChatErrorDetail


STRUCTS = (ChatModelList, ChatCompletion, ChatCompletionChunk, ChatError)
