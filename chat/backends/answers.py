"""Builds answers in OpenAI's protocol, whole or in chunks, and reads what is needed from others' answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import time
from typing import Literal, NamedTuple
from uuid import uuid4

import msgspec

from chat.backends import Chunk, Completion, JsonObject, Payload

CONTENT, REFUSAL = "content", "refusal"  # the fields of a message that hold text
TYPES = {CONTENT: "text", REFUSAL: "refusal"}  # of content parts, by field
NO_TOKENS: tuple[object, ...] = (None, msgspec.Raw(b"null"))  # in place of a usage
NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class AnswerContent(NamedTuple):
    """What an answer says and calls. Without a `finish_reason` it ended as answers usually do.

    It has `parts` if it both says something and refuses: its text and its refusal, separate and in order.
    """

    text: str
    tool_calls: Sequence[JsonObject] | None = None
    finish_reason: str = ""
    is_refusal: bool = False
    parts: Sequence[JsonObject] | None = None

    def pieces(self) -> list[tuple[str, str]]:
        """Its texts, each with the message field that holds it."""
        if self.parts:
            return [(field, str(part[type])) for part in self.parts for field, type in TYPES.items() if type in part]
        return [(REFUSAL if self.is_refusal else CONTENT, self.text)]

    def reason(self) -> str:
        """Why it ended."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


def completion(content: AnswerContent) -> Completion:
    """The answer as a `chat.completion`."""
    message: JsonObject = {"role": "assistant", CONTENT: None, REFUSAL: None, **texts(content.pieces())}
    if content.tool_calls:
        message |= {CONTENT: message[CONTENT] or None, "tool_calls": list(content.tool_calls)}
    choice: JsonObject = {"index": 0, "message": message, "logprobs": None, "finish_reason": content.reason()}
    return _answer("chat.completion", choice)


def texts(pieces: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The message fields that hold these pieces of text."""
    found: dict[str, list[str]] = {}
    for field, text in pieces:
        found.setdefault(field, []).append(text)
    return {field: "".join(said) for field, said in found.items()}


def parts(pieces: Iterable[tuple[str, str]]) -> list[JsonObject]:
    """These pieces of text as content parts, in order."""
    return [{"type": TYPES[field], TYPES[field]: text} for field, text in pieces]


class FirstChoice:
    """Picks the one choice to pass on when a model's server sends more than was asked for: the first to arrive."""

    def __init__(self) -> None:
        """No choice has arrived yet."""
        self._index: object = None  # of the choice, where choices have one

    def only_first(self, answer: Completion) -> Completion | None:
        """The answer or chunk without any other choice; None if it says nothing about that one."""
        choices = answer["choices"]
        for choice in choices:
            index = choice.get("index")
            if self._index is None:
                self._index = index
            if index is None or index == self._index:
                return answer if len(choices) == 1 else {**answer, "choices": [choice]}
        if not choices:
            return answer
        return {**answer, "choices": []} if "usage" in answer else None


class ChunkBuilder:
    """Builds the chunks of one answer: `begin`, any number of `piece`s and `refusal`s, `calls`, `end` and, if wanted,
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
        """The next piece of the text of a refusal."""
        return self._chunk({"refusal": text})

    def calls(self, tool_calls: Sequence[JsonObject]) -> Chunk:
        """All tool calls at once."""
        return self._chunk({"tool_calls": [{"index": index, **call} for index, call in enumerate(tool_calls)]})

    def end(self, finish_reason: str = "stop") -> Chunk:
        """The last chunk of the message."""
        return self._chunk({}, finish_reason)

    def usage(self, numbers: Mapping[str, int]) -> Chunk:
        """The token counts, after the last chunk of the message."""
        return {**self._shared, "choices": [], "usage": dict(numbers)}

    def _chunk(self, delta: JsonObject, finish_reason: str | None = None) -> Chunk:
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._shared, "choices": [choice]}


def chunks(content: AnswerContent, payload: Payload) -> Iterator[Chunk]:
    """The answer as chunks, with a usage of no tokens if the request asks for one."""
    build = ChunkBuilder()
    yield build.begin()
    for field, text in content.pieces():
        if text:
            yield build.refusal(text) if field == REFUSAL else build.piece(text)
    if content.tool_calls:
        yield build.calls(content.tool_calls)
    yield build.end(content.reason())
    if wants_usage(payload):
        yield build.usage(NO_USAGE)


def wants_usage(payload: Payload) -> bool:
    """Whether a stream is to end with the usage."""
    return bool((payload.get("stream_options") or {}).get("include_usage"))


def is_last(chunk: Chunk) -> bool:
    """Whether this chunk has a finish reason. Usage may follow and, from some servers, text."""
    for choice in chunk["choices"]:  # noqa: SIM110, because a generator would take twice as long per chunk
        if choice.get("finish_reason"):
            return True
    return False


def is_usage(chunk: Chunk) -> bool:
    """Whether this chunk has nothing but usage, as the last one of a stream does. Some servers send a null after it."""
    return not chunk["choices"] and chunk.get("usage") not in NO_TOKENS


def _answer(kind: Literal["chat.completion", "chat.completion.chunk"], *choices: JsonObject) -> Completion:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time()), "choices": list(choices)}
