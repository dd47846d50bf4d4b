"""The output items of an answer, built from what a language model says and calls, and the events for them.

An event is an object without its sequence number, which it gets when it is sent.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from chat.backends import JsonObject
from chat.backends.server_sent_events import TooLarge
from chat.backends.tool_calls import BrokenCalls, Call, Merger, own_id
from chat.responses.deltas import CallDelta, Delta

IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"
UNREADABLE = (msgspec.DecodeError, RecursionError, BrokenCalls, TooLarge)  # what reading an answer raises
MAX_SIZE = 1024 * 1024  # of its texts and arguments as JSON: it is held whole, and its last events repeat them
MAX_LIKELY_SIZE = 2 * MAX_SIZE  # of its log probabilities
# What counts besides text, because it costs time: a part, and each further piece of a call.
PART_SIZE, PIECE_SIZE = 4096, 256


def _size(text: str) -> int:
    return len(msgspec.json.encode(text))


def _name(call: Call) -> str:
    return str(call.get("function", {}).get("name") or "")


class Kind(NamedTuple):
    """A kind of part: its type, the field with its text, and how the names of its events begin."""

    type: str
    field: str
    event: str
    extras: JsonObject


TEXT = Kind("output_text", "text", "response.output_text", {"annotations": [], "logprobs": []})
REFUSAL = Kind("refusal", "refusal", "response.refusal", {})


class Part:
    """A part of a message. `place` says where it is, in the form of its events."""

    def __init__(self, kind: Kind, place: JsonObject) -> None:
        self.kind, self._place = kind, place
        self._pieces: list[str] = []
        self._likely: list[bytes] = []

    def value(self) -> JsonObject:
        """The part as it is so far."""
        return {
            "type": self.kind.type,
            self.kind.field: "".join(self._pieces),
            **self.kind.extras,
            **self._logprobs(self._likely),
        }

    def begin(self) -> JsonObject:
        """The event that begins the part."""
        return {"type": "response.content_part.added", **self._place, "part": self.value()}

    def add(self, text: str, likely: bytes) -> JsonObject:
        """The event that adds text to the part."""
        self._pieces.append(text)
        found = [likely] if likely else []
        self._likely += found
        return {"type": f"{self.kind.event}.delta", **self._place, "delta": text, **self._logprobs(found)}

    def end(self) -> Iterator[JsonObject]:
        """The events that end the part."""
        value = self.value()
        text = value[self.kind.field]
        yield {"type": f"{self.kind.event}.done", **self._place, self.kind.field: text, **self._logprobs(self._likely)}
        yield {"type": "response.content_part.done", **self._place, "part": value}

    def _logprobs(self, likely: list[bytes]) -> JsonObject:
        return {"logprobs": msgspec.Raw(b"[%b]" % b",".join(likely)) if likely else []} if self.kind is TEXT else {}


class Item:
    """A part of the output, which has a place in it and an id."""

    def __init__(self, id: str, index: int) -> None:
        self.id, self.index, self.status = id, index, IN_PROGRESS

    def value(self) -> JsonObject:
        """The item as it is so far."""
        raise NotImplementedError

    def begin(self) -> JsonObject:
        """The event that begins the item."""
        return {"type": "response.output_item.added", "output_index": self.index, "item": self.value()}

    def end(self, status: str) -> Iterator[JsonObject]:
        """The events that end the item."""
        yield from self._end_content()
        self.status = status
        yield {"type": "response.output_item.done", "output_index": self.index, "item": self.value()}

    def _end_content(self) -> Iterator[JsonObject]:
        raise NotImplementedError

    def _place(self) -> JsonObject:
        return {"item_id": self.id, "output_index": self.index}


class Message(Item):
    """What is said: text, or a refusal."""

    def __init__(self, id: str, index: int) -> None:
        super().__init__(id, index)
        self._parts: list[Part] = []

    def value(self) -> JsonObject:
        """The message as it is so far, as an item of a response."""
        content = [part.value() for part in self._parts]
        return {"id": self.id, "type": "message", "status": self.status, "role": "assistant", "content": content}

    def begins_part(self, kind: Kind) -> bool:
        """Whether this kind of text would be another part than the last one."""
        return not self._parts or self._parts[-1].kind is not kind

    def add(self, kind: Kind, text: str, likely: bytes) -> Iterator[JsonObject]:
        """The events that add text to the message."""
        if self.begins_part(kind):
            yield from self._end_content()
            self._parts.append(Part(kind, self._place() | {"content_index": len(self._parts)}))
            yield self._parts[-1].begin()
        yield self._parts[-1].add(text, likely)

    def _end_content(self) -> Iterator[JsonObject]:
        if self._parts:
            yield from self._parts[-1].end()


class FunctionCall(Item):
    """A call of a function."""

    def __init__(self, id: str, index: int, call_id: str, name: str) -> None:
        super().__init__(id, index)
        self._call_id, self.name = call_id, name
        self._arguments: list[str] = []

    def value(self) -> JsonObject:
        """The call as it is so far, as an item of a response."""
        same = {"id": self.id, "type": "function_call", "status": self.status}
        return {**same, "call_id": self._call_id, "name": self.name, "arguments": "".join(self._arguments)}

    def add(self, arguments: str) -> Iterator[JsonObject]:
        """The event for more arguments, if there are any."""
        if arguments:
            self._arguments.append(arguments)
            yield {"type": "response.function_call_arguments.delta", **self._place(), "delta": arguments}

    def _end_content(self) -> Iterator[JsonObject]:
        whole = {"name": self.name, "arguments": "".join(self._arguments)}
        yield {"type": "response.function_call_arguments.done", **self._place(), **whole}


class Output:
    """All items, in the order in which they began. Ids derive from `key`: the same answer always has the same.

    A message is over when a call begins; calls are over when the answer is, for the pieces of several may be mixed.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._items: list[Item] = []
        self._calls: dict[int, FunctionCall] = {}  # by the identity of the merger's call
        self._early: dict[int, list[str]] = {}  # likewise, the arguments that came before the name
        self._merger = Merger()
        self._size = self._likely_size = 0

    def value(self) -> list[JsonObject]:
        """The items as they are so far."""
        return [item.value() for item in self._items]

    def add(self, delta: Delta, likely: bytes = b"") -> Iterator[JsonObject]:
        """The events for more of the answer. `likely` are the items of `logprobs` as JSON. Raises UNREADABLE."""
        for kind, text in ((TEXT, delta.content), (REFUSAL, delta.refusal)):
            if text:
                yield from self._say(kind, text, likely if kind is TEXT else b"")
        self._merger.begin_list()
        for number, call in enumerate(delta.tool_calls or ()):
            self._count(PIECE_SIZE if number else 0)
            yield from self._call(call)

    def _count(self, size: int, likely_size: int = 0) -> None:
        self._size, self._likely_size = self._size + size, self._likely_size + likely_size
        if self._size > MAX_SIZE or self._likely_size > MAX_LIKELY_SIZE:
            raise TooLarge(f"more than {MAX_SIZE} bytes in all, or too many parts")

    def end(self, status: str) -> Iterator[JsonObject]:
        """The events for its end. Items still in progress get the answer's `status`."""
        for merged in self._merger.calls:
            if id(merged) in self._early:
                yield from self._begin_call(merged, "")
        for item in self._items:
            if item.status == IN_PROGRESS:
                yield from item.end(status)

    def _say(self, kind: Kind, text: str, likely: bytes) -> Iterator[JsonObject]:
        last = self._items[-1] if self._items else None
        if not isinstance(last, Message):
            last = Message(self._id("msg", sum(isinstance(item, Message) for item in self._items)), len(self._items))
            self._items.append(last)
            yield last.begin()
        self._count(_size(text) + (PART_SIZE if last.begins_part(kind) else 0), len(likely))
        yield from last.add(kind, text, likely)

    def _call(self, delta: CallDelta) -> Iterator[JsonObject]:
        merged, function = self._merger.add(delta.piece()), delta.function or delta.custom
        if function is None:
            return
        call, text = self._calls.get(id(merged)), function.text()
        self._count(_size(text))
        if call is not None:
            if call.name != _name(merged):
                raise BrokenCalls("a name goes on after it was told")
            yield from call.add(text)
        elif _name(merged):
            yield from self._begin_call(merged, text)
        else:
            self._early.setdefault(id(merged), []).append(text)

    def _begin_call(self, merged: Call, text: str) -> Iterator[JsonObject]:
        yield from self._end_message()
        number = len(self._calls)
        call_id = str(merged.get("id") or own_id(self.key, number))
        call = FunctionCall(self._id("fc", number), len(self._items), call_id, _name(merged))
        self._calls[id(merged)] = call
        self._items.append(call)
        yield call.begin()
        yield from call.add("".join(self._early.pop(id(merged), [])) + text)

    def _end_message(self) -> Iterator[JsonObject]:
        if self._items and isinstance(self._items[-1], Message):
            yield from self._items[-1].end(COMPLETED)

    def _id(self, kind: str, number: int) -> str:
        return f"{kind}_{self.key}_{number}" if number else f"{kind}_{self.key}"
