"""What an answer of the chat API says and calls, as far as the Responses API shows it."""

import msgspec

from chat.backends.tool_calls import MAX_CALLS, Call
from rest.json_bounds import short_list_decoder


class FunctionDelta(msgspec.Struct, omit_defaults=True):
    """The name of a called function, and the next piece of its arguments."""

    name: object = None
    arguments: msgspec.Raw = msgspec.Raw(b"null")
    input: msgspec.Raw = msgspec.Raw(b"null")  # of a custom tool, which is shown as a function

    def text(self) -> str:
        """The piece of the arguments: JSON in a string, or, from some servers, the JSON itself."""
        given = self.input if bytes(memoryview(self.arguments)[:1]) == b"n" else self.arguments
        if bytes(memoryview(given)[:1]) in b'n"':
            return msgspec.json.decode(given, type=str | None) or ""
        return msgspec.json.format(given, indent=-1).decode()


class CallDelta(msgspec.Struct):
    """A piece of a call, or a whole one. Some servers send numbers for strings, and vice versa."""

    index: object = None
    id: object = None
    function: FunctionDelta | None = None
    custom: FunctionDelta | None = None

    def piece(self) -> Call:
        """The fields that say which call it is a piece of."""
        function = self.function or self.custom
        return {"index": self.index, "id": self.id, **({"function": {"name": function.name}} if function else {})}


class Delta(msgspec.Struct):
    """What a chunk adds to an answer, or all that an answer says."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[CallDelta] | None = None


def delta_of(delta: object) -> Delta:
    """The delta of a chunk, as far as it is read. Raises msgspec.DecodeError if it has another shape."""
    if not isinstance(delta, dict):
        return Delta()
    content, refusal = (text if isinstance(text := delta.get(name), str) else None for name in ("content", "refusal"))
    return Delta(content, refusal, _calls(delta["tool_calls"]) if "tool_calls" in delta else None)


def delta_of_whole(message: object) -> Delta:
    """A whole message as a Delta: each of its calls is separate, whatever its index. Raises msgspec.DecodeError."""
    delta = delta_of(message)
    for index, call in enumerate(delta.tool_calls or ()):
        call.index = index
    return delta


def raw(value: object) -> bytes:
    """A value as JSON, whether or not it has been decoded."""
    return bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)


_pieces = short_list_decoder(CallDelta, MAX_CALLS)


def _calls(value: object) -> list[CallDelta] | None:
    return _pieces(raw(value))
