"""The items of a request's `input`, and the chat messages that are equivalent to them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal, cast

import msgspec

from chat.backends import JsonObject
from chat.content_parts import NonEmptyWord
from chat.errors import ApiError

MESSAGE = "message"


class ResponsesInputText(msgspec.Struct, tag="input_text"):
    """Text of a user or of the application."""

    text: str


class ResponsesOutputText(msgspec.Struct, tag="output_text"):
    """Text of an earlier answer, as it was received: annotations and the like are not passed on."""

    text: str


class ResponsesRefusal(msgspec.Struct, tag="refusal"):
    """What an earlier answer said instead of what was asked for."""

    refusal: str


class ResponsesInputImage(msgspec.Struct, tag="input_image", omit_defaults=True):
    """An image. The chat API of language models knows no ids of uploaded ones."""

    image_url: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^data:"})]  # the default, see `content_parts`
    detail: NonEmptyWord | None = None


class ResponsesInputFile(msgspec.Struct, tag="input_file", omit_defaults=True):
    """A file; or, where the operator lets the language model's server fetch it, its address or its id there."""

    file_data: str | None = None
    filename: str | None = None
    file_id: NonEmptyWord | None = None
    file_url: str | None = None


Part = ResponsesInputText | ResponsesOutputText | ResponsesRefusal | ResponsesInputImage | ResponsesInputFile


class ResponsesMessage(msgspec.Struct, tag=MESSAGE, omit_defaults=True):
    """A message, new or of before."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    id: str | None = None


class ResponsesFunctionCall(msgspec.Struct, tag="function_call"):
    """A call that an earlier answer made."""

    call_id: NonEmptyWord
    name: NonEmptyWord
    arguments: str


class ResponsesFunctionCallOutput(msgspec.Struct, tag="function_call_output"):
    """What a function returned."""

    call_id: NonEmptyWord
    output: str | list[ResponsesInputText | ResponsesInputImage | ResponsesInputFile]


class ResponsesReasoning(msgspec.Struct, tag="reasoning"):
    """What a model thought before an earlier answer. It is not passed on: the chat API has no place for it."""


class ResponsesItemReference(msgspec.Struct, tag="item_reference"):
    """An item of an earlier answer, by its id."""

    id: NonEmptyWord


Item = (
    ResponsesMessage | ResponsesFunctionCall | ResponsesFunctionCallOutput | ResponsesReasoning | ResponsesItemReference
)
ITEM_TYPES = ("function_call", "function_call_output", "item_reference", MESSAGE, "reasoning")


def with_type(item: object) -> object:
    """The item with its type, which may be left out if other fields imply it."""
    if not isinstance(item, dict) or item.get("type") is not None:
        return item
    return {**item, "type": MESSAGE if "role" in item else "item_reference"}


def messages(items: Sequence[Item]) -> list[JsonObject]:
    """The equivalent chat messages. Raises ApiError for a reference, which says nothing by itself.

    What one answer said and called is several items here, but one message there.
    """
    made = _Messages()
    for index, item in enumerate(items):
        if isinstance(item, ResponsesFunctionCall):
            made.add_call(item)
        elif isinstance(item, ResponsesFunctionCallOutput):
            made.add_result(item)
        elif isinstance(item, ResponsesMessage):
            made.add_message(item)
        elif isinstance(item, ResponsesItemReference):
            raise not_found(item.id, f"input[{index}]")
    return made.value()


def not_found(id: str, param: str) -> ApiError:
    """404: the input refers to an item that is not kept here."""
    message = (
        f"Item with id {id!r:.80} not found. Outside of a conversation it is remembered for a day at most: send the "
        "item itself (in the AI SDK, with store: false), or name the conversation that it belongs to."
    )
    return ApiError(HTTPStatus.NOT_FOUND, message, param=param, code="item_not_found")


class _Messages:
    """Messages in the making. Each is followed by what its calls returned: nothing may come between."""

    def __init__(self) -> None:
        self._groups: list[list[JsonObject]] = []
        self._unanswered: dict[str, list[JsonObject]] = {}  # the groups of calls, by call id
        self._answered: set[str] = set()

    def value(self) -> list[JsonObject]:
        """All of them, in order."""
        return [_joined(message) for group in self._groups for message in group]

    def add_call(self, item: ResponsesFunctionCall) -> None:
        """Add a call to the answer that it belongs to."""
        function = {"name": item.name, "arguments": item.arguments}
        call: JsonObject = {"id": item.call_id, "type": "function", "function": function}
        if self._last().get("role") != "assistant":
            self._groups.append([{"role": "assistant", "content": ""}])
        last = self._last()
        if "tool_calls" not in last:
            last |= {"content": [last["content"]], "tool_calls": []}  # what is said with calls, in pieces
        cast(list[JsonObject], last["tool_calls"]).append(call)
        self._unanswered[item.call_id] = self._groups[-1]

    def add_result(self, item: ResponsesFunctionCallOutput) -> None:
        """Add what a call returned, after it. Some clients repeat it in later requests."""
        message: JsonObject = {"role": "tool", "tool_call_id": item.call_id, "content": _content(item.output)}
        group = self._unanswered.pop(item.call_id, None)
        if group is not None:
            self._answered.add(item.call_id)
            group.append(message)
        elif item.call_id not in self._answered:  # of a call that is kept in the conversation, for example
            self._groups.append([message])

    def add_message(self, message: ResponsesMessage) -> None:
        """Add what was said: to the calls of the same answer, if it follows them."""
        if message.role != "assistant":
            self._groups.append([{"role": message.role, "content": _content(message.content)}])
        elif "tool_calls" in self._last():
            cast(list[str], self._last()["content"]).append(_said(message.content))
        else:
            self._groups.append([{"role": "assistant", **_answered(message.content)}])

    def _last(self) -> JsonObject:
        return self._groups[-1][-1] if self._groups else {}


def _joined(message: JsonObject) -> JsonObject:
    """Once, at the end: a text that grew with each of many messages would be copied each time."""
    if "tool_calls" not in message:
        return message
    return {**message, "content": "".join(cast(list[str], message["content"])) or None}


def _said(content: str | list[Part]) -> str:
    if isinstance(content, str):
        return content
    return "".join(getattr(part, "text", "") or getattr(part, "refusal", "") for part in content)


def _answered(content: str | list[Part]) -> JsonObject:
    """Text and refusal apart, as in the chat API. A refusal alone becomes text, which every server reads."""
    if isinstance(content, str):
        return {"content": content}
    said, refused = ("".join(getattr(part, field, "") for part in content) for field in ("text", "refusal"))
    return {"content": said, "refusal": refused} if said and refused else {"content": said or refused}


def _content(content: str | Sequence[Part]) -> str | list[JsonObject]:
    """One text stays a text: not every model's server reads lists."""
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    texts = [str(part["text"]) for part in parts if part["type"] == "text"]
    return "".join(texts) if len(texts) == len(parts) < 2 else parts


def _part(part: Part) -> JsonObject:
    if isinstance(part, ResponsesInputImage):
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
    if isinstance(part, ResponsesInputFile):
        given = msgspec.structs.asdict(part)
        return {"type": "file", "file": {name: value for name, value in given.items() if value is not None}}
    return {"type": "text", "text": part.refusal if isinstance(part, ResponsesRefusal) else part.text}
