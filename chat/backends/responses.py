"""Builds answers in OpenAI's protocol, whole or in chunks, and reads what matters here from others' answers."""

from collections.abc import Iterator, Mapping
from time import time
from typing import Literal
from uuid import uuid4

from chat.backends import Chunk, Completion, JsonObject, Payload

NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def completion(text: str) -> Completion:
    """A `chat.completion` that says `text`."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice: JsonObject = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _answer("chat.completion", choice)


class ChunkBuilder:
    """Builds the chunks of one answer: `begin`, any number of `piece`s, `end` and, if it is wanted, `usage`."""

    def __init__(self) -> None:
        self._shared = _answer("chat.completion.chunk")

    def begin(self) -> Chunk:
        """The first chunk, which says whose message it is."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> Chunk:
        """The next piece of the text."""
        return self._chunk({"content": text})

    def end(self) -> Chunk:
        """The last chunk of the message."""
        return self._chunk({}, "stop")

    def usage(self, numbers: Mapping[str, int]) -> Chunk:
        """The numbers of tokens, after the last chunk of the message."""
        return {**self._shared, "choices": [], "usage": dict(numbers)}

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> Chunk:
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._shared, "choices": [choice]}


def chunks(text: str, payload: Payload) -> Iterator[Chunk]:
    """`text` as the chunks of an answer that used no tokens, with the usage if the request asks for it."""
    build = ChunkBuilder()
    yield from (build.begin(), build.piece(text), build.end())
    if wants_usage(payload):
        yield build.usage(NO_USAGE)


def wants_usage(payload: Payload) -> bool:
    """Whether a stream is to end with the usage."""
    return bool((payload.get("stream_options") or {}).get("include_usage"))


def is_last(chunk: Chunk) -> bool:
    """Whether this is the last chunk of the message: only the usage may follow."""
    return any(choice.get("finish_reason") is not None for choice in chunk["choices"])


def _answer(kind: Literal["chat.completion", "chat.completion.chunk"], *choices: JsonObject) -> Completion:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time()), "choices": list(choices)}
