"""How an answer is sent to the caller: in the format of the endpoint's protocol."""

from time import time
from typing import Protocol
from uuid import uuid4

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
    """OpenAI's chat completions: what the language model said, under the personality's name. Some clients ignore what
    does not say what it is, and some servers do not say it.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._id, self._created = f"chatcmpl-{uuid4().hex}", int(time())

    def whole(self, answer: Completion) -> JsonObject:
        """A `chat.completion`."""
        return self._complete(answer) | {"object": "chat.completion", "model": self._model}

    def chunk(self, chunk: Chunk) -> bytes:
        """A `chat.completion.chunk`."""
        return event(self._complete(chunk) | {"object": "chat.completion.chunk", "model": self._model})

    def end(self, error: ApiError | None) -> bytes:
        """OpenAI's clients raise an error that an event contains; no `[DONE]` follows it."""
        return event(error.body()) if error else DONE

    def _complete(self, answer: Completion) -> JsonObject:
        """The answer with an id, a time and an index of each choice."""
        made: JsonObject = {**answer}
        if not _is_text(answer.get("id")):
            made["id"] = self._id
        if not _is_whole_number(answer.get("created")):
            made["created"] = self._created
        if not all("index" in choice for choice in answer["choices"]):
            made["choices"] = [{"index": index, **choice} for index, choice in enumerate(answer["choices"])]
        return made


def _is_text(value: object) -> bool:
    return bytes(memoryview(value)[:1]) == b'"' if isinstance(value, msgspec.Raw) else isinstance(value, str)


def _is_whole_number(value: object) -> bool:
    return bytes(value).isdigit() if isinstance(value, msgspec.Raw) else isinstance(value, int)


def event(value: object) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
