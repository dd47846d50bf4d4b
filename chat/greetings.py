"""What to do for language models that refuse a talk which begins with an answer."""

from collections.abc import Sequence

from chat.backends import Message
from chat.said import INSTRUCTIONS, text_of


def without_greeting(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """What is answered before anybody has asked, to be told in the prompt; and the other messages.

    Where there is no other message, these stay as they are: something must be left to answer.
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
