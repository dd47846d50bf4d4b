"""How an answer is sent to the caller: in the format of the endpoint's protocol."""

from typing import Protocol

import msgspec

from chat.backends import Chunk, Completion, JsonObject
from chat.errors import ApiError

DONE = b"data: [DONE]\n\n"


class AnswerFormat(Protocol):
    """Formats one answer, whole or as server-sent events."""

    def whole(self, answer: Completion) -> JsonObject:
        """The body of a whole answer."""

    def chunk(self, chunk: Chunk) -> bytes:
        """The events for a chunk."""

    def end(self, error: ApiError | None) -> bytes:
        """The last events: that the answer is complete, or that it failed."""


class ChatFormat:
    """OpenAI's chat completions: what the language model said, under the personality's name."""

    def __init__(self, model: str) -> None:
        self._model = model

    def whole(self, answer: Completion) -> JsonObject:
        """A `chat.completion`."""
        return {**answer, "model": self._model}

    def chunk(self, chunk: Chunk) -> bytes:
        """A `chat.completion.chunk`."""
        return event({**chunk, "model": self._model})

    def end(self, error: ApiError | None) -> bytes:
        """OpenAI's clients raise an error that an event contains; no `[DONE]` follows it."""
        return event(error.body()) if error else DONE


def event(value: object) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
