"""For language models that refuse a conversation that begins with an answer."""

from collections.abc import Sequence

from chat.backends import Message
from chat.said import INSTRUCTIONS, text_of


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


def _is_text(message: Message) -> bool:
    """Whether it is an answer that says something, and nothing else: it calls no tool, for example."""
    return message["role"] == "assistant" and message.keys() <= {"role", "content", "name"}
