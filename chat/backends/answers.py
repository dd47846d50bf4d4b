"""Builds answers in OpenAI's protocol, whole or in chunks, and reads what matters here from others' answers."""

from collections.abc import Iterator, Mapping, Sequence
from time import time
from typing import Literal
from uuid import uuid4

from chat.backends import Chunk, Completion, JsonObject, Payload

NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
Calls = Sequence[JsonObject] | None


def completion(text: str, tool_calls: Calls = None) -> Completion:
    """A `chat.completion` that says `text` and makes these calls."""
    message: JsonObject = {"role": "assistant", "content": text, "refusal": None}
    if tool_calls:
        message |= {"content": text or None, "tool_calls": list(tool_calls)}
    choice: JsonObject = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(tool_calls)}
    return _answer("chat.completion", choice)


class ChunkBuilder:
    """Builds the chunks of one answer: `begin`, any number of `piece`s, `calls`, `end` and, if wanted, `usage`."""

    def __init__(self) -> None:
        self._shared = _answer("chat.completion.chunk")

    def begin(self) -> Chunk:
        """The first chunk, which says whose message it is."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> Chunk:
        """The next piece of the text."""
        return self._chunk({"content": text})

    def calls(self, tool_calls: Sequence[JsonObject]) -> Chunk:
        """All calls, whole."""
        return self._chunk({"tool_calls": [{"index": index, **call} for index, call in enumerate(tool_calls)]})

    def end(self, tool_calls: Calls = None) -> Chunk:
        """The last chunk of the message."""
        return self._chunk({}, _reason(tool_calls))

    def usage(self, numbers: Mapping[str, int]) -> Chunk:
        """The numbers of tokens, after the last chunk of the message."""
        return {**self._shared, "choices": [], "usage": dict(numbers)}

    def _chunk(self, delta: JsonObject, finish_reason: str | None = None) -> Chunk:
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._shared, "choices": [choice]}


def chunks(text: str, payload: Payload, tool_calls: Calls = None) -> Iterator[Chunk]:
    """`text` and calls as the chunks of an answer that used no tokens, with the usage if the request asks for it."""
    build = ChunkBuilder()
    yield build.begin()
    if text:
        yield build.piece(text)
    if tool_calls:
        yield build.calls(tool_calls)
    yield build.end(tool_calls)
    if wants_usage(payload):
        yield build.usage(NO_USAGE)


def wants_usage(payload: Payload) -> bool:
    """Whether a stream is to end with the usage."""
    return bool((payload.get("stream_options") or {}).get("include_usage"))


def is_last(chunk: Chunk) -> bool:
    """Whether this chunk says why the answer is finished. Usage may follow and, from some servers, text."""
    for choice in chunk["choices"]:  # noqa: SIM110, for a generator would take twice as long, with each chunk
        if choice.get("finish_reason"):
            return True
    return False


def is_usage(chunk: Chunk) -> bool:
    """Whether this chunk tells the usage alone, as the last one of a stream does."""
    return not chunk["choices"] and "usage" in chunk


def _reason(tool_calls: Calls) -> str:
    return "tool_calls" if tool_calls else "stop"


def _answer(kind: Literal["chat.completion", "chat.completion.chunk"], *choices: JsonObject) -> Completion:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time()), "choices": list(choices)}
