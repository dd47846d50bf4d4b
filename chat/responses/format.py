"""How the Responses API sends an answer: whole, or as typed events."""

import re
from collections.abc import Callable, Iterable, Iterator
from time import time

import msgspec

from chat.backends import Chunk, Completion, JsonObject
from chat.backends.answers import FirstChoice
from chat.errors import ApiError, broken_answer
from chat.responses import objects
from chat.responses.deltas import Delta, delta_of, delta_of_whole, raw
from chat.responses.output import UNREADABLE, Output
from chat.responses.requests import ResponsesRequest

PARAMETERS = {"messages": "input", "metadata": "conversation"}  # the chat API's names, and ours


class _Logprobs(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw(b"null")


class ResponsesFormat:
    """Formats one answer. The key of `output` is the message's id if it is kept in a conversation."""

    def __init__(self, request: ResponsesRequest, model: str, output: Output, conversation: str | None) -> None:
        self._begun = objects.beginning(request, f"resp_{output.key}", model, conversation)
        self._output, self._wants_logprobs = output, request.wants_logprobs
        self._first = FirstChoice()
        self._number = 0  # of the next event
        self._finish_reason: str | None = None
        self._usage: JsonObject | None = None

    def whole(self, answer: Completion) -> JsonObject:
        """The `response` object."""
        for _ in self._read(answer, "message", delta_of_whole):
            pass
        return self._end()[1]

    def chunk(self, chunk: Chunk) -> bytes:
        """The events for a chunk: none if it says nothing."""
        return self._encoded([*self._beginning(), *self._read(chunk, "delta", delta_of)])

    def end(self, error: ApiError | None) -> bytes:
        """The last events."""
        events = list(self._beginning())
        if error is None:
            ending, response = self._end()
            events += [*ending, {"type": f"response.{response['status']}", "response": response}]
        else:
            rename_parameter(error)
            events += [_error(error), {"type": "response.failed", "response": objects.failed(self._begun, error)}]
        return self._encoded(events)

    def _read(self, answer: Completion, part: str, said: Callable[[object], Delta]) -> Iterator[JsonObject]:
        """The events for this part of the language model's answer. Raises ApiError."""
        self._usage = objects.usage(answer.get("usage")) or self._usage
        first = self._first.only_first(answer)
        for choice in first["choices"] if first else ():
            finish_reason = choice.get("finish_reason")
            self._finish_reason = str(finish_reason) if finish_reason else self._finish_reason
            try:
                yield from self._output.add(said(choice.get(part)), self._logprobs(choice.get("logprobs")))
            except UNREADABLE as error:
                raise broken_answer(str(error)) from None

    def _logprobs(self, found: object) -> bytes:
        """The items of the list as they came: they are sent as they are, however many there are."""
        if not self._wants_logprobs:
            return b""
        try:
            logprobs = msgspec.json.decode(raw(found), type=_Logprobs | None)
        except msgspec.DecodeError:  # some servers send an empty list: the text matters more
            return b""
        content = bytes(logprobs.content) if logprobs else b"null"
        return content[1:-1].strip() if content.startswith(b"[") else b""

    def _beginning(self) -> Iterable[JsonObject]:
        if self._number:
            return ()
        return [{"type": f"response.{state}", "response": self._begun} for state in ("created", "in_progress")]

    def _end(self) -> tuple[list[JsonObject], JsonObject]:
        events = list(self._output.end(objects.status_after(self._finish_reason)))
        output, now = self._output.value(), int(time())
        return events, objects.ended(self._begun, self._finish_reason, output, self._usage, now)

    def _encoded(self, events: list[JsonObject]) -> bytes:
        pieces = []
        for event in events:
            data = msgspec.json.encode({**event, "sequence_number": self._number})
            pieces.append(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), data))
            self._number += 1
        return b"".join(pieces)


def rename_parameter(error: ApiError) -> None:
    """Make an error about a chat API parameter name the one that it was made from."""
    name = re.split(r"[.\[]", error.param or "")[0]
    if name in PARAMETERS:
        error.param = PARAMETERS[name]
        error.args = (re.sub(rf"^{re.escape(name)}[^ ]*: ", "", str(error)),)


def _error(error: ApiError) -> JsonObject:
    """In both of the forms in which OpenAI has sent it: clients look for either, and raise it."""
    told = error.body()["error"]
    return {**told, "type": "error", "error": told}
