"""What a language model is sent of a stored conversation: recent messages, in an order that models accept.

They begin with a question, and each call of a tool is followed by its result.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, dropwhile, takewhile
from typing import cast

import msgspec

from chat.backends import JsonObject, Message
from chat.backends.answers import AnswerContent, texts
from chat.content_parts import are_passed_on
from conversations.models import MAX_JSON_BYTES, Conversation, Role
from conversations.recent import recent, since_question
from conversations.redis_list import RecentMessage

MAX_HISTORY_BYTES = MAX_JSON_BYTES  # of texts and calls, as JSON: as much as a request may bring itself
NO_RESULT = "There is no result: the conversation went on without it."
LEFT_OUT = "[Something was shown here that is not shown again.]"
INSTRUCTIONS = {"system", "developer"}  # roles of messages that are passed on with a turn but not stored

_arguments: Callable[[str], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def window(conversation: Conversation) -> Sequence[RecentMessage]:
    """The newest messages that fit into MAX_HISTORY_BYTES. If earlier ones are left out, they begin with a question, as
    some models require. If tool calls have pushed every question out, they begin with the last one; if what was said
    since it is too long, with the first call that fits.
    """
    found = recent(conversation)
    newest = _newest(found)
    if not newest or newest[0].position == 1:
        return newest
    if from_question := list(dropwhile(lambda message: message.role in {Role.ASSISTANT, Role.TOOL}, newest)):
        return from_question
    since = since_question(conversation, found)
    fits = len(_newest(since)) == len(since)
    return since if fits else list(dropwhile(lambda message: not message.tool_calls, newest))


def _newest(messages: Sequence[RecentMessage]) -> Sequence[RecentMessage]:
    """The last ones that fit into MAX_HISTORY_BYTES: at least one, because none is as long as that."""
    sizes = accumulate(map(_size, reversed(messages)))
    fitting = sum(1 for _ in takewhile(MAX_HISTORY_BYTES.__ge__, sizes))
    return messages[len(messages) - fitting :]


def _size(message: RecentMessage) -> int:
    return len(msgspec.json.encode((message.content, message.tool_calls)))


def to_message(stored: RecentMessage) -> Message:
    """The message as the language model is sent it. What it showed is left out if that is too much by now, or may no
    longer be passed on. An answer with both text and a refusal is sent with both.
    """
    message: JsonObject = {"role": stored.role, "content": stored.content}
    if stored.role == Role.ASSISTANT:
        message |= texts(AnswerContent(stored.content, parts=stored.parts).pieces())
    elif stored.has_parts:
        shown = stored.parts if stored.parts and are_passed_on(stored.parts) else None
        message["content"] = shown or "\n".join(filter(None, (stored.content, LEFT_OUT)))
    if stored.tool_calls:
        message |= {"content": message["content"] or None, "tool_calls": list(map(_readable, stored.tool_calls))}
    if stored.tool_call_id:
        message["tool_call_id"] = stored.tool_call_id
    return cast(Message, message)


def _readable(call: JsonObject) -> JsonObject:
    """The call, with arguments that every server can read: `max_tokens` may have cut them off, and some servers would
    refuse each later turn for it.
    """
    function = call.get("function")
    if not isinstance(function, dict):
        return call
    try:
        _arguments(function["arguments"])
    except (KeyError, TypeError, msgspec.DecodeError, RecursionError):
        return {**call, "function": {**function, "arguments": "{}"}}
    return call


def with_results(messages: Iterable[Message]) -> list[Message]:
    """The same messages, in which each call is followed by its result: one left without, because its caller gave up or
    the user went on, gets a result that says so. Results of no call are left out; instructions between results come
    after them.
    """
    made: list[Message] = []
    awaited: list[str] = []
    between: list[Message] = []
    for message in messages:
        if message["role"] == Role.TOOL:
            if (id := called_by(message)) in awaited:
                awaited.remove(id)
                made.append(message)
        elif awaited and message["role"] in INSTRUCTIONS:
            between.append(message)
        else:
            made += [*map(_no_result, awaited), *between, message]
            awaited, between = ids_of_calls(message), []
    return [*made, *map(_no_result, awaited if between else ()), *between]


def awaited_results(messages: Sequence[RecentMessage]) -> list[str]:
    """The ids of the last calls that have no result yet."""
    awaited: list[str] = []
    for message in messages:
        if message.role == Role.TOOL:
            awaited = [id for id in awaited if id != message.tool_call_id]
        else:
            awaited = ids_of_calls({"tool_calls": message.tool_calls})
    return awaited


def ids_of_calls(message: Message | JsonObject) -> list[str]:
    """The ids of the tool calls that the message makes. Some servers give none, and then expect none."""
    calls = cast(list[JsonObject], message.get("tool_calls") or [])
    return [str(call["id"]) for call in calls if call.get("id")]


def called_by(message: Message | JsonObject) -> str:
    """The id of the call whose result the message is."""
    return str(message.get("tool_call_id"))


def _no_result(id: str) -> Message:
    return cast(Message, {"role": "tool", "tool_call_id": id, "content": NO_RESULT})
