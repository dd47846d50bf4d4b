"""OpenAI's shapes of an answer that no language model has made."""

from time import time
from typing import Any
from uuid import uuid4

from chat.backends.backend import Chunk


def whole(text: str) -> dict[str, Any]:
    """A `chat.completion`."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_head("chat.completion"), "choices": [choice]}


class Chunks:
    """The `chat.completion.chunk`s of one answer: `begin`, as many `piece`s as there are, `end`."""

    def __init__(self) -> None:
        self.head = _head("chat.completion.chunk")

    def begin(self) -> Chunk:
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> Chunk:
        return self._chunk({"content": text})

    def end(self) -> Chunk:
        return self._chunk({}, "stop")

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self.head, "choices": [choice]}


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time())}
