"""Answers that a language model's server might send, drawn at random from a seed: streams, and whole ones.

Most are in order but for a few parts: as servers differ, as connections break, and as models fail.
"""

import asyncio
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chat.tests import model_server

TEXTS = [
    "Hello", " there", ".", " ", "\n", "ü", "😀", "\u2028", '"\\', "data: x\n\n", "[DONE]", "\r\n", "\ufffd", "\0",
    "{}",
]  # fmt: skip
ERRORS: list[Any] = ["boom", {"message": "boom"}, {"message": "too long", "code": 400}, {"code": None}, True]
NO_ERRORS: list[Any] = [None, "", {}, False]
# Lines between events that say nothing of the answer.
NOISE = [
    [": ping"], [":"], ["id: 5"], ["retry: 10", "id"], ["event: ping", "data: {}"], ["event: ping", "data: pong"],
    ["event: status"], ["data:"], ["data"], ['data: {"type": "ping"}'], ["data: null"], ['data: {"usage": null}'],
    ["foo: bar"], ['data: {"choices": null}'], ['data: {"type": "status", "message": "Searching"}'],
]  # fmt: skip
# Errors in words of a server's own.
FAILURES = [
    ["event: error", "data: boom"], ["event: exception", 'data: {"message": "boom"}'], ['data: {"detail": "boom"}'],
    ['data: {"type": "error", "message": "boom"}'], ['data: {"object": "error", "code": 500}'],
    ['data: {"success": false, "errors": [{"message": "boom"}]}'], ['data: {"message": "boom"}'],
    ['data: {"choices": [{"index": 0, "delta": {"error": {"message": "boom"}}}]}'],
]  # fmt: skip
# Calls that nobody can answer.
BROKEN_CALLS: list[Any] = [
    {"id": "c", "type": "function", "function": "f"}, {"id": "c", "type": "function", "function": ["f"]},
    {"id": "c", "type": "mcp", "mcp": {"name": "f"}}, {"id": "c", "function": {"arguments": "{}"}},
]  # fmt: skip
PAUSE_SECONDS = 2.5  # longer than some wait for more once a model has finished
# Data after which nothing may be believed.
NONSENSE = [
    "{nothing", "[1]", '{"choices": [5]}', '{"choices": [{"delta": {"content": 5}}]}', "[" * 5000,
    '{"choices": [{"delta": {"content": "\\ud83d"}}]}',
]  # fmt: skip
ENDS = ["close"] * 6 + ["chunked"] * 4 + ["cut", "cut chunked", "reset", "hang"]  # the last only once all was said


@dataclass
class Answer:
    """What is sent, and what it says: `text` and `calls`. Unless `is_good`, an error may be told instead."""

    is_stream: bool
    pieces: list[bytes] = field(default_factory=list)
    end: str = "close"
    pause_at: int = -1  # the byte before which the server pauses
    is_good: bool = True
    text: str = ""
    calls: list[Any] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not self.calls and not self.text.strip()

    async def send(self, writer: model_server.Writer) -> None:
        """Send it, and end as it ends."""
        is_chunked = "chunked" in self.end
        kind = model_server.SSE if self.is_stream else "application/json"
        await model_server.start_response(writer, kind, more="Transfer-Encoding: chunked\r\n" * is_chunked)
        sent = 0
        for piece in self.pieces:
            await asyncio.sleep(PAUSE_SECONDS if sent == self.pause_at else 0)
            sent += len(piece)
            await model_server.write(writer, b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked else piece)
        if self.end == "chunked":
            await model_server.write(writer, b"0\r\n\r\n")
        if self.end == "reset":
            writer.transport.abort()
        if self.end == "hang":
            await model_server.silent(None, writer, {})  # type: ignore[arg-type]


class RandomAnswer:
    """Draws one answer."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self._answer = Answer(is_stream=self._one_in(2, of=3))
        self._lines: list[list[str]] = []  # of each event
        self._no_reason = self._random.choice([None, None, ""])  # as this server says that it has not finished
        self._is_indexed = self._one_in(3, of=4)
        self._has_one_id = self._one_in(4)  # for all calls
        self._paused_line = -1

    def draw(self) -> Answer:
        """Return the answer."""
        body = self._stream() if self._answer.is_stream else self._whole()
        if self._answer.end in {"cut", "cut chunked", "reset"}:
            body = body[: self._random.randrange(len(body) + 1)]
            self._answer.is_good = False
        self._answer.pieces = self._cut(body)
        return self._answer

    def _one_in(self, number: int, of: int | None = None) -> bool:
        return self._random.randrange(of or number) < (number if of else 1)

    def _cut(self, body: bytes) -> list[bytes]:
        places = [self._random.randrange(len(body) + 1) for _ in range(self._random.choice([0, 1, 3, 10]))]
        places = sorted([*places, *[self._answer.pause_at] * (0 < self._answer.pause_at < len(body))])
        pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
        return [piece for piece in pieces if piece]

    def _spoken(self) -> str:
        text = "".join(self._random.choices(TEXTS, k=self._random.randrange(4)))
        self._answer.text += text.replace("\0", "\ufffd")
        return text

    def _content(self) -> Any:
        text = self._spoken()
        parts = [{"type": "text", "text": text}, {"type": "thinking", "thinking": "Hm."}, {"text": ""}]
        return parts if self._one_in(8) else text or self._random.choice([None, ""])

    def _message(self) -> dict[str, Any]:
        """Return a message, or a piece of one."""
        extras: dict[str, Any] = {"role": "assistant", "reasoning_content": "Hm.", "refusal": None, "annotations": []}
        chosen = {name: value for name, value in extras.items() if self._one_in(4)}
        said = self._random.choices(["content", "refusal", "nothing"], [12, 1, 1])[0]
        if said == "nothing":
            return chosen
        return chosen | {said: self._content() if said == "content" else self._spoken()}

    def _choice(self, part: str, message: Any, reason: Any) -> list[dict[str, Any]]:
        choice: dict[str, Any] = {"index": 0} if self._is_indexed else {}
        choice |= {part: message} | ({} if reason is None and self._one_in(4) else {"finish_reason": reason})
        if self._one_in(12):
            choice["error"] = self._random.choice(NO_ERRORS)
        others = [{"index": 1, part: {"content": "Not this."}, "finish_reason": None}] if self._one_in(20) else []
        return [choice, *others]

    def _envelope(self, **fields: Any) -> dict[str, Any]:
        same = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        envelope = same if self._one_in(2) else {}
        extras = {"error": self._random.choice(NO_ERRORS), "usage": None, "system_fingerprint": "f"}
        return envelope | {name: value for name, value in extras.items() if self._one_in(8)} | fields

    def _calls(self) -> list[Any]:
        arguments = self._random.choice(["", "{}", '{"a": "ü"}', '{"a": "\\u0000"}'])
        number = len(self._answer.calls)
        id = "c" if self._has_one_id else f"c{number}"
        call = {"id": id, "type": "function", "function": {"name": f"f{number}", "arguments": arguments}}
        self._answer.calls.append(call)
        return [call]

    def _whole(self) -> bytes:
        message = self._message()
        if self._one_in(6):
            message["tool_calls"] = [call for _ in range(self._random.randrange(1, 4)) for call in self._calls()]
        choices = self._choice("message", message, self._random.choice(["stop", "length", "content_filter", "", None]))
        body = self._envelope(choices=choices)
        if self._one_in(8):
            body = self._flawed(body, choices[0])
        self._answer.end = self._random.choice(ENDS[:-1])
        return self._encoded(body)

    def _flawed(self, body: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any]:
        self._answer.is_good = False
        flaw = self._random.randrange(6)
        if flaw == 0:
            return {**body, "error": self._random.choice(ERRORS)}
        if flaw == 1:
            choice["error"] = self._random.choice(ERRORS)
        if flaw == 2:
            choice["finish_reason"] = self._random.choice(["error", "ERROR"])
        if flaw == 3:
            return {"error": self._random.choice(ERRORS)} | ({"choices": []} if self._one_in(2) else {})
        if flaw == 4:
            return self._random.choice([{"choices": []}, {}, {"object": "error", "message": "boom"}, {"choices": [5]}])
        if flaw == 5:
            choice["message"].setdefault("tool_calls", []).append(self._random.choice(BROKEN_CALLS))
        return body

    def _encoded(self, value: Any) -> bytes:
        return self._not_always_utf8(json.dumps(value, ensure_ascii=self._one_in(2)).encode())

    def _not_always_utf8(self, body: bytes) -> bytes:
        if not self._one_in(20):
            return body
        self._answer.text = self._answer.text.replace("Hello", "H\ufffdllo")
        return body.replace(b"Hello", b"H\xffllo")

    def _event(self, value: Any) -> None:
        data = json.dumps(value, ensure_ascii=self._one_in(2), indent=1 if self._one_in(15) else None)
        space = "" if self._one_in(4) else " "
        type = ["event: message"] if self._one_in(15) else []
        self._lines.append([*type, *(f"data:{space}{line}" for line in data.split("\n"))])

    def _chunk(self, delta: Any, reason: Any = None, **fields: Any) -> None:
        self._event(self._envelope(choices=self._choice("delta", delta, reason or self._no_reason), **fields))

    def _stream(self) -> bytes:
        if self._one_in(10):
            self._event({"choices": [], "prompt_filter_results": []})
        for _ in range(self._random.randrange(7)):
            self._piece()
        is_finished = self._one_in(9, of=10)
        if is_finished:
            self._finish()
        self._usage()
        is_done = self._one_in(4, of=5)
        self._lines += [["data: [DONE]"]] * is_done
        is_complete = is_done or is_finished
        self._answer.end = self._random.choice(ENDS if is_complete else ENDS[:-1])
        self._answer.is_good &= is_complete
        return self._wire()

    def _piece(self) -> None:
        """Add what one event says, or what is no part of the answer."""
        self._noise()
        if self._one_in(40):
            self._flaw()
        elif self._one_in(15):
            self._call()
        elif self._one_in(25):
            self._chunk(None if self._one_in(2) else {})
        else:
            self._chunk(self._message())

    def _call(self) -> None:
        """Add a call: whole, or its arguments in two pieces."""
        (call,), index = self._calls(), len(self._answer.calls) - 1
        if self._one_in(2):
            self._chunk({"tool_calls": [call]})
            return
        arguments = call["function"]["arguments"]
        begun = {**call, "function": {**call["function"], "arguments": arguments[:5]}}
        self._chunk({"tool_calls": [{"index": index, **begun}]})
        repeated = begun if self._one_in(3) else {"function": {}}
        function = {**repeated["function"], "arguments": arguments[5:]}
        self._chunk({"tool_calls": [{"index": index, **repeated, "function": function}]})

    def _noise(self) -> None:
        if self._one_in(6):
            self._lines.append(self._random.choice(NOISE))

    def _flaw(self) -> None:
        self._answer.is_good = False
        error = self._random.choice(ERRORS)
        kind = self._random.randrange(7)
        if kind == 0:
            self._event({"error": error})
        elif kind == 1:
            self._event({"error": error, "choices": self._random.choice([[], None])})
        elif kind == 2:
            self._event({"choices": [{"index": 0, "delta": {"content": ""}, "error": error}]})
        elif kind == 3:
            self._chunk({"content": ""}, self._random.choice(["error", "ERROR", "Internal_Error"]))
        elif kind == 4:
            self._lines.append(self._random.choice(FAILURES))
        elif kind == 5:
            self._chunk({"tool_calls": [self._random.choice(BROKEN_CALLS)]})
        else:
            self._lines.append([f"data: {self._random.choice(NONSENSE)}"])

    def _finish(self) -> None:
        for _ in range(1 + self._one_in(8)):
            has_text = self._one_in(3)
            self._chunk(self._message() if has_text else {}, self._random.choice(["stop", "length", "tool_calls"]))
            if self._one_in(50):
                self._paused_line = len(self._lines)
                self._chunk({"content": self._spoken()})
            elif self._one_in(6):
                self._piece()

    def _usage(self) -> None:
        usage = {"usage": {"total_tokens": 5}}
        if self._one_in(2):
            self._event(self._random.choice([usage, {**usage, "choices": []}, {**usage, "choices": None}]))

    def _wire(self) -> bytes:
        end = self._random.choice(["\n", "\n", "\r\n", "\r"])
        events = ["".join(line + end for line in [*lines, ""]) for lines in self._lines]
        wire, bom = "".join(events), b"\xef\xbb\xbf" * self._one_in(8)
        if self._paused_line >= 0:
            self._answer.pause_at = len(bom + "".join(events[: self._paused_line]).encode())
        if self._answer.end != "hang" and self._one_in(8):
            wire = wire.removesuffix(end)  # the blank line after the last event
        return bom + self._not_always_utf8(wire.encode())
