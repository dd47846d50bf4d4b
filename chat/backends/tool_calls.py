"""Puts an answer's tool calls together from whatever pieces a language model's server sends."""

from collections.abc import Iterable
from operator import is_
from typing import Any

import msgspec

from chat.backends import MAX_WORD
from rest.json_bounds import short_list_decoder

MAX_CALLS = 128  # of one answer
MAX_BYTES = 4 * 1024 * 1024  # of all its pieces: each costs a hundred bytes besides its few characters
MAX_NAME = MAX_WORD  # as long as one that a request may bring back
# Texts that come in pieces. Any other text is whole, and some servers repeat it with each piece.
IN_PIECES_OF = {"function": "arguments", "custom": "input"}
IN_PIECES = set(IN_PIECES_OF.values())
NAME, NULL = "name", msgspec.Raw(b"null")

FUNCTIONS = ("function", "custom")  # what a call may call
SAYS_NOTHING = {"type"}  # of a piece that has nothing else

Call = dict[str, Any]
Piece = dict[str, msgspec.Raw]
_calls = msgspec.json.Decoder(list[Call] | None).decode
_pieces = short_list_decoder(Piece, MAX_CALLS)


class BrokenCalls(ValueError):
    """Calls that nobody can answer."""


class TooManyCalls(BrokenCalls):
    """More calls than any answer needs."""


def merge(lists: Iterable[bytes], *, are_whole: bool = False) -> list[Call]:
    """The calls that these lists of calls, or of pieces, add up to: each list is a `tool_calls` as JSON.

    Raises BrokenCalls and msgspec.DecodeError.
    """
    merger = Merger(are_whole=are_whole)
    for pieces in lists:
        merger.begin_list()
        for piece in _calls(pieces) or ():
            merger.add(piece)
    return [_checked(_whole(call)) for call in merger.calls if not call.keys() <= SAYS_NOTHING]


def from_legacy(function_call: bytes) -> bytes:
    """A `function_call`, which was all there was before `tool_calls`, or a piece of one, as a list of calls."""
    return b'[{"index":0,"function":' + function_call + b"}]"


class CallNormalizer:
    """Puts calls, or pieces of calls, so that whoever adds them up by their index, as OpenAI's clients do, has what
    `merge` makes of them.

    A piece gets the place of its call as its index, and arguments are text. A call that has no id when its function is
    named gets one, so that its result can be sent; ids derive from `key`: the same answer always has the same. An id
    that comes later is left out; so are an id and a name repeated with each piece, because some clients concatenate
    them.
    """

    def __init__(self, key: str, *, are_whole: bool = False) -> None:
        """There is no call yet. Calls that `are_whole` have no index."""
        self._key, self._are_whole, self._merger = key, are_whole, Merger(are_whole=are_whole)
        self._places: dict[int, int] = {}  # of calls
        self._own: set[int] = set()  # calls to which an id was given here
        self._with_id: set[int] = set()
        self._with_name: set[int] = set()

    def normalized(self, calls: bytes) -> bytes:
        """The calls, or pieces of calls, as they are to be sent and stored. What cannot be read stays as it is."""
        try:
            pieces = _pieces(calls) or []
            self._merger.begin_list()
            made = [self._piece(piece) for piece in pieces]
        except (msgspec.DecodeError, RecursionError, BrokenCalls):
            return calls
        return calls if all(map(is_, pieces, made)) else msgspec.json.encode(made)

    def _piece(self, piece: Piece) -> Piece:
        called = {kind: msgspec.json.decode(piece[kind], type=Piece) for kind in FUNCTIONS if _is_object(piece, kind)}
        head = {name: msgspec.json.decode(piece[name]) for name in ("index", "id") if name in piece}
        call = self._merger.add(head | {kind: _named(function) for kind, function in called.items()})
        changed = self._changed_id(piece, call, is_named=bool(called))
        for kind, function in called.items():
            told = _with_text(self._without_repeated_name(function, call), IN_PIECES_OF[kind])
            if told is not function:
                changed[kind] = msgspec.Raw(msgspec.json.encode(told))
        place = msgspec.Raw(b"%d" % self._places.setdefault(id(call), len(self._places)))
        if not self._are_whole and piece.get("index") != place:
            changed["index"] = place
        return {name: value for name, value in (piece | changed).items() if value is not None} if changed else piece

    def _changed_id(self, piece: Piece, call: Call, *, is_named: bool) -> dict[str, msgspec.Raw | None]:
        """The id if it is to be told otherwise; None: not at all."""
        if "id" in piece and (id(call) in self._own or id(call) in self._with_id):
            return {"id": None}
        if call.get("id"):
            self._with_id.add(id(call))
        elif is_named and id(call) not in self._own:
            self._own.add(id(call))
            return {"id": msgspec.Raw(msgspec.json.encode(own_id(self._key, len(self._own) - 1)))}
        return {}

    def _without_repeated_name(self, function: Piece, call: Call) -> Piece:
        name = _named(function).get(NAME)
        if name and id(call) in self._with_name and name == _name(call):
            return {key: value for key, value in function.items() if key != NAME}
        if name:
            self._with_name.add(id(call))
        return function


def own_id(key: str, number: int) -> str:
    """The id of a call to which its server has given none."""
    return f"call_{key}_{number}"


def _named(function: Piece) -> Call:
    return {NAME: msgspec.json.decode(function[NAME])} if NAME in function else {}


def _with_text(function: Piece, field: str) -> Piece:
    """Arguments as text; a function that is named has some from the beginning on, though they be empty."""
    given = function.get(field, NULL)
    if _begins(given, b'"') or (given == NULL and NAME not in function):
        return function
    return function | {field: msgspec.Raw(msgspec.json.encode(_text(msgspec.json.decode(given))))}


def _is_object(piece: Piece, name: str) -> bool:
    return name in piece and _begins(piece[name], b"{")


def _begins(raw: msgspec.Raw, byte: bytes) -> bool:
    return bytes(memoryview(raw)[:1]) == byte


class Merger:
    """The calls so far, in the order in which they began."""

    def __init__(self, *, are_whole: bool = False) -> None:
        """There is none yet. If they `are_whole`, each is separate, whatever its id and index."""
        self.calls: list[Call] = []
        self._are_whole = are_whole
        self._by_index: dict[int, Call] = {}
        self._named_in_list: set[int] = set()  # calls

    def begin_list(self) -> None:
        """The pieces that follow come in another list: one list names each call once."""
        self._named_in_list.clear()

    def add(self, piece: Call) -> Call:
        """Add a piece; return its call as it is now. Raises BrokenCalls."""
        kind = piece.get("type")
        if isinstance(kind, str) and kind not in FUNCTIONS and isinstance(piece.get(kind), dict):
            raise BrokenCalls(f"a call of {kind[:40]!r}")
        call = self._continued(piece)
        if call is None:
            if len(self.calls) == MAX_CALLS:
                raise TooManyCalls(f"more than {MAX_CALLS} tool calls")
            call = {}
            self.calls.append(call)
        if isinstance(index := piece.get("index"), int):
            self._by_index[index] = call
        if _name(piece):
            self._named_in_list.add(id(call))
        _add(call, piece)
        return call

    def _continued(self, piece: Call) -> Call | None:
        """The call that this is a piece of; None if it begins another.

        By its index; but some servers give none, and some give all calls the same.
        """
        if self._are_whole:
            return None
        index, last = piece.get("index"), self.calls[-1] if self.calls else None
        call = self._by_index.get(index) if isinstance(index, int) else last
        if call is None or _is_another(call, piece) or (_name(piece) and id(call) in self._named_in_list):
            return None
        return call


def _is_another(call: Call, piece: Call) -> bool:
    """A piece that names a function begins a call, unless it only repeats what the call has."""
    given, id, has_no_index = call.get("id"), piece.get("id"), piece.get("index") is None
    is_other_id = bool(given and id and given != id)
    if not (name := _name(piece)):
        return has_no_index and is_other_id
    if given and id:
        return is_other_id or (has_no_index and name != _name(call))
    return has_no_index


def _name(piece: Call) -> object:
    function = piece.get("function") or piece.get("custom")
    return function.get("name") if isinstance(function, dict) else None


def _add(call: Call, piece: Call) -> None:
    for name, value in piece.items():
        if name in FUNCTIONS and not isinstance(value, dict | None):
            raise BrokenCalls("what is called is of another shape")
        if isinstance(value, dict) and name not in IN_PIECES:
            part = call.setdefault(name, {})
            if isinstance(part, dict):
                _add(part, value)
        elif name in IN_PIECES:
            call.setdefault(name, []).append(value)
        elif name == NAME and isinstance(value, str):
            call[name] = _longer_name(call.get(name) or "", value)
        elif name != "index" and value not in (None, ""):
            call.setdefault(name, value)


def _longer_name(given: object, piece: str) -> str:
    """Some servers repeat the name with each piece; hardly any splits it."""
    name = piece if given == piece else f"{given}{piece}"
    if len(name) > MAX_NAME:
        raise BrokenCalls(f"a name of more than {MAX_NAME} characters")
    return name


def _checked(call: Call) -> Call:
    """A call of nothing would fit only one of the two APIs, and no caller could answer it."""
    called = [call[name] for name in FUNCTIONS if name in call]
    has_names = all(isinstance(each, dict) and _is_text(each.get(NAME)) for each in called)
    if not called or not has_names or not isinstance(call.get("id", ""), str | int):
        raise BrokenCalls("a call of neither a function nor a custom tool that has a name")
    return call


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _whole(call: Call) -> Call:
    joined = {name: _joined(name, value) for name, value in call.items()}
    for kind, text in IN_PIECES_OF.items():
        if isinstance(called := joined.get(kind), dict):
            called.setdefault(text, "")
    return {"type": "function", **joined} if "function" in joined else joined


def _joined(name: str, value: Any) -> object:
    if name in IN_PIECES:
        return "".join(map(_text, value))
    return {key: _joined(key, inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _text(value: object) -> str:
    """Arguments are JSON in a string; some servers send the JSON itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
