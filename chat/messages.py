"""The messages of a request: read in the forms in which clients send them, and passed on as far as OpenAI knows them.

Clients send an answer back just as they received it, and add fields that no model reads: reasoning, annotations, marks
of their own. Such fields are left out of messages and of their parts. An operator may make an exception for models such
as DeepSeek's, which want their reasoning back beside their calls of tools.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from django.conf import settings

from chat import content_parts
from chat.content_parts import ChatPart, Content, Unset, Word

MAY_BE_EMPTY = ("assistant", "tool", "function")  # roles: a tool may have returned nothing
REASONING = "reasoning_content"  # passed on if it is one of LLM_EXTRA_PARAMETERS
INSTEAD_OF_CONTENT = {"tool_calls", "function_call", "refusal", "audio"}


class ChatCalledFunction(msgspec.Struct):
    """A function and its arguments: JSON as the model wrote it, which may be none."""

    name: str
    arguments: str = ""


class ChatCalledTool(msgspec.Struct):
    """A tool that takes text of any form."""

    name: str
    input: str = ""


class ChatToolCall(msgspec.Struct):
    """A call of a tool. Google's models refuse one that comes back without the signature in `extra_content`."""

    id: str
    type: Literal["function", "custom"] = "function"
    function: ChatCalledFunction | Unset = msgspec.UNSET
    custom: ChatCalledTool | Unset = msgspec.UNSET
    extra_content: dict[str, Any] | Unset = msgspec.UNSET


class _Message(msgspec.Struct, tag_field="role", kw_only=True):
    name: Word | None | Unset = msgspec.UNSET


class ChatSystemMessage(_Message, tag="system"):
    """Instructions."""

    content: Content


class ChatDeveloperMessage(_Message, tag="developer"):
    """Instructions, as newer models call them."""

    content: Content


class ChatUserMessage(_Message, tag="user"):
    """What the user says and shows."""

    content: Content


class ChatHeardAudio(msgspec.Struct):
    """What the model said aloud, by its id."""

    id: str


class ChatAssistantMessage(_Message, tag="assistant"):
    """What the model has answered, and which tools it has called."""

    content: str | list[ChatPart] | None | Unset = msgspec.UNSET
    refusal: str | None | Unset = msgspec.UNSET
    audio: ChatHeardAudio | None | Unset = msgspec.UNSET
    tool_calls: list[ChatToolCall] | None | Unset = msgspec.UNSET
    function_call: ChatCalledFunction | None | Unset = msgspec.UNSET
    reasoning_content: Any = msgspec.UNSET


class ChatToolMessage(_Message, tag="tool"):
    """The result of a call."""

    tool_call_id: str
    content: str | list[ChatPart] | None = ""


class ChatFunctionMessage(_Message, tag="function"):
    """The result of a function, in the older form."""

    content: str | list[ChatPart] | None = ""


ChatMessage = (
    ChatSystemMessage
    | ChatDeveloperMessage
    | ChatUserMessage
    | ChatAssistantMessage
    | ChatToolMessage
    | ChatFunctionMessage
)


def check_parts(messages: Sequence[ChatMessage]) -> None:
    """Raises ApiError for the first part that is not passed on."""
    for index, message in enumerate(messages):
        for place, part in enumerate(message.content if isinstance(message.content, list) else ()):
            if refusal := content_parts.refusal(part, f"messages[{index}].content[{place}]"):
                raise refusal


def normalised(messages: list[object]) -> list[object]:
    """The messages, normalised to be checked. Raises ApiError for parts that no server knows."""
    return [_normalised(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _normalised(message: object, where: str) -> object:
    if not isinstance(message, dict):
        return message
    left = {name: value for name, value in message.items() if value not in (None, "", [], {}) or name == "content"}
    if REASONING not in settings.LLM_EXTRA_PARAMETERS:
        left.pop(REASONING, None)
    if "tool_call_id" in message:
        left["tool_call_id"] = _id(message["tool_call_id"])
    if isinstance(calls := left.get("tool_calls"), list):
        left["tool_calls"] = [_call(call) for call in calls]
    if "function_call" in left and not _says_nothing(called := left.pop("function_call")):
        left["function_call"] = _called(called)
    if not (isinstance(audio := left.get("audio"), dict) and audio.get("id")):
        left.pop("audio", None)
    if isinstance(content := left.get("content"), list):
        is_answer = left.get("role") == "assistant"
        left["content"] = [*content_parts.normalised(content, f"{where}.content", is_answer=is_answer)]
    return left if left.get("content") or left.get("role") not in MAY_BE_EMPTY else _without_content(left)


def _without_content(message: dict[str, object]) -> dict[str, object]:
    """An answer that has something else may lack content; any other message gets an empty text."""
    if message["role"] != "assistant" or message.keys().isdisjoint(INSTEAD_OF_CONTENT):
        return {**message, "content": ""}
    return {**message, "content": None} if message.get("content") == [] else message


def _call(call: object) -> object:
    """Some clients send a null for what a call does not have, or another word for its type."""
    if not isinstance(call, dict):
        return call
    left = {name: value for name, value in call.items() if value is not None}
    if "id" in call:
        left["id"] = _id(call["id"])
    if "function" not in left:
        return left
    return {**left, "type": "function", "function": _called(left["function"])}


def _id(value: object) -> object:
    """Some servers give their calls none, others numbers."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else "" if value is None else value


def _says_nothing(called: object) -> bool:
    return isinstance(called, dict) and not any(called.values())


def _called(function: object) -> object:
    """Arguments are JSON in a string; some clients send the JSON itself."""
    if not isinstance(function, dict) or isinstance(arguments := function.get("arguments"), str):
        return function
    return {**function, "arguments": "{}" if arguments is None else msgspec.json.encode(arguments).decode()}
