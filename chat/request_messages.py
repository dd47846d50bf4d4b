"""Takes messages apart: a request in a stored conversation into instructions, what is stored already and what is new;
and what is sent to language models that refuse a conversation that begins with an answer.

Agents that call tools in a loop send what was said since the user's question along with the results, or at least the
answer that made the calls. That is stored already, and is not stored again.
"""

from collections.abc import Iterable, Sequence
from itertools import dropwhile, takewhile
from typing import NamedTuple, cast

from chat.backends import JsonObject, Message
from chat.errors import bad_request
from chat.history import INSTRUCTIONS, called_by, ids_of_calls
from chat.messages import REASONING
from conversations.models import Role
from conversations.redis_list import RecentMessage


class SplitMessages(NamedTuple):
    """`instructions` are sent before what was said earlier; others stay among `new`, where the caller has put them."""

    instructions: list[Message]
    known: list[Message]
    new: list[Message]


def split_messages(messages: Sequence[Message]) -> SplitMessages:
    """What is known ends with the last answer. Nothing may come between calls and their results."""
    answers = [index for index, message in enumerate(messages) if message["role"] == Role.ASSISTANT]
    end = answers[-1] + 1 if answers else 0
    before, new = messages[:end], messages[end:]
    instructions = list(filter(_is_instruction, before))
    if any(message["role"] == Role.TOOL for message in new):
        instructions += takewhile(_is_instruction, new)
        new = list(dropwhile(_is_instruction, new))
    return SplitMessages(instructions, without_instructions(before), list(new))


def without_instructions(messages: Iterable[Message]) -> list[Message]:
    """The messages that are stored."""
    return [message for message in messages if not _is_instruction(message)]


def instructions_of(messages: Iterable[Message]) -> str:
    """What the other messages say, in one text. Raises ApiError for what no text can say."""
    for message in filter(_is_instruction, messages):
        if not isinstance(content := message.get("content") or "", str) and any(map(_is_media, content)):
            raise bad_request("messages: here instructions join the prompt, so they are text alone.", "messages")
    return "\n\n".join(filter(None, (text_of(message) for message in messages if _is_instruction(message))))


def with_reasoning(stored: Sequence[Message], known: Sequence[Message]) -> list[Message]:
    """What is stored, with the reasoning that was sent along with the last messages of it: it is not stored."""
    later = len(stored) - len(known)
    sent: list[JsonObject] = [{}] * later + [_reasoning(message) for message in known[max(0, -later) :]]
    return [cast(Message, {**message, **more}) for message, more in zip(stored, sent, strict=True)]


def _reasoning(message: Message) -> JsonObject:
    return {name: value for name, value in message.items() if name == REASONING}


def without_greeting(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """The answers before the first question, to be put into the prompt; and the other messages.

    If there are no other messages, these stay as they are: something must be left to answer.
    """
    texts: list[str] = []
    instructions: list[Message] = []
    for index, message in enumerate(messages):
        if message["role"] in INSTRUCTIONS:
            instructions.append(message)
        elif _is_text(message):
            texts.append(text_of(message))
        else:
            return "\n\n".join(filter(None, texts)), [*instructions, *messages[index:]]
    return "", [*messages]


def check_known(known: Sequence[Message], stored: Sequence[RecentMessage]) -> None:
    """Raises ApiError unless these are the last messages that are stored, and end with calls of tools."""
    if not known:
        return
    if not ids_of_calls(known[-1]):
        raise bad_request("Answers are stored here: send the user's new message only.", "messages")
    pairs = zip(reversed(known), reversed(stored), strict=False)
    if not stored or len(known) > stored[-1].position or not all(_is_same(*pair) for pair in pairs):
        message = "These are not the last messages that are stored here: send only what is new."
        raise bad_request(message, "messages")


def check_results(new: Sequence[Message], awaited: Sequence[str]) -> None:
    """Raises ApiError for a result that no call waits for, and if only some calls get theirs."""
    left = list(awaited)
    for message in without_instructions(new):
        if message["role"] != Role.TOOL:
            break
        if (id := called_by(message)) not in left:
            raise bad_request(f"No call with the id {id!r:.80} waits for a result.", "messages")
        left.remove(id)
    results = [message for message in new if message["role"] == Role.TOOL]
    if results and left:
        raise bad_request(f"Send the results of all calls at once: {', '.join(left):.200} are missing.", "messages")
    if len(results) > len(awaited) - len(left):
        raise bad_request("Send the results of calls before anything else.", "messages")


def _is_instruction(message: Message) -> bool:
    return message["role"] in INSTRUCTIONS


def _is_media(part: JsonObject) -> bool:
    return part.get("type") != "text"


def _is_text(message: Message) -> bool:
    """Whether it is an answer that says something, and nothing else: it calls no tool, for example."""
    return message["role"] == "assistant" and message.keys() <= {"role", "content", "name"}


def _is_same(sent: Message, stored: RecentMessage) -> bool:
    """By what was called, or else by what was said: clients rewrite arguments, and answers with calls."""
    if sent["role"] != stored.role or ids_of_calls(sent) != ids_of_calls({"tool_calls": stored.tool_calls}):
        return False
    refused = str(sent.get("refusal") or "")
    return bool(stored.tool_calls) or text_of(sent) + refused == stored.content


def text_of(message: Message) -> str:
    """The text of a message, or of its parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)
