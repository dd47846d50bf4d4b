"""OpenAI's shapes of an answer."""

from collections.abc import Iterator
from time import time
from typing import Any
from uuid import uuid4

from chat.backends.backend import Chunk, Payload

NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}  # was used


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

    def usage(self, numbers: dict[str, int]) -> Chunk:
        return {**self.head, "choices": [], "usage": numbers}

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self.head, "choices": [choice]}


def streamed(text: str, payload: Payload) -> Iterator[Chunk]:
    """The same in chunks, as the request wants it."""
    made = Chunks()
    yield from (made.begin(), made.piece(text), made.end())
    if wants_usage(payload):
        yield made.usage(NOTHING)


def wants_usage(payload: Payload) -> bool:
    return bool((payload.get("stream_options") or {}).get("include_usage"))


def is_last(chunk: Chunk) -> bool:
    """The last with text: what may follow is how much was used."""
    return any(choice.get("finish_reason") is not None for choice in chunk["choices"])


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time())}
