"""Builds answers in OpenAI's protocol, whole or in chunks, and reads what matters here from others' answers."""

from collections.abc import Iterator, Mapping, Sequence
from time import time
from typing import Literal, NamedTuple
from uuid import uuid4

from chat.backends import Chunk, Completion, JsonObject, Payload

NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class Given(NamedTuple):
    """What an answer says and calls. Unless it is known why it ended, it did as answers usually do."""

    text: str
    tool_calls: Sequence[JsonObject] | None = None
    finish_reason: str = ""
    is_refusal: bool = False

    def reason(self) -> str:
        """Why it ended."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


def completion(given: Given) -> Completion:
    """The answer as a `chat.completion`."""
    content, refusal = (None, given.text) if given.is_refusal else (given.text, None)
    message: JsonObject = {"role": "assistant", "content": content, "refusal": refusal}
    if given.tool_calls:
        message |= {"content": content or None, "tool_calls": list(given.tool_calls)}
    choice: JsonObject = {"index": 0, "message": message, "logprobs": None, "finish_reason": given.reason()}
    return _answer("chat.completion", choice)


class ChunkBuilder:
    """Builds the chunks of one answer: `begin`, any number of `piece`s or the `refusal`, `calls`, `end` and, if wanted,
    `usage`.
    """

    def __init__(self) -> None:
        self._shared = _answer("chat.completion.chunk")

    def begin(self) -> Chunk:
        """The first chunk, which says whose message it is."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> Chunk:
        """The next piece of the text."""
        return self._chunk({"content": text})

    def refusal(self, text: str) -> Chunk:
        """The whole text, which is a refusal."""
        return self._chunk({"refusal": text})

    def calls(self, tool_calls: Sequence[JsonObject]) -> Chunk:
        """All calls, whole."""
        return self._chunk({"tool_calls": [{"index": index, **call} for index, call in enumerate(tool_calls)]})

    def end(self, finish_reason: str = "stop") -> Chunk:
        """The last chunk of the message."""
        return self._chunk({}, finish_reason)

    def usage(self, numbers: Mapping[str, int]) -> Chunk:
        """The numbers of tokens, after the last chunk of the message."""
        return {**self._shared, "choices": [], "usage": dict(numbers)}

    def _chunk(self, delta: JsonObject, finish_reason: str | None = None) -> Chunk:
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._shared, "choices": [choice]}


def chunks(given: Given, payload: Payload) -> Iterator[Chunk]:
    """The answer as chunks, with the usage if the request asks for it: it used no tokens."""
    build = ChunkBuilder()
    yield build.begin()
    if given.text:
        yield build.refusal(given.text) if given.is_refusal else build.piece(given.text)
    if given.tool_calls:
        yield build.calls(given.tool_calls)
    yield build.end(given.reason())
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


def _answer(kind: Literal["chat.completion", "chat.completion.chunk"], *choices: JsonObject) -> Completion:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time()), "choices": list(choices)}
