"""How much structure a JSON text may have, and where one has too much, found before any value is made.

Lists whose length a peer chooses are refused without reading them to their end if they are too long.
"""

import re
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, TypeVar

import msgspec
from rest_framework.exceptions import ValidationError

Item = TypeVar("Item")
Place = list[bytes | int]  # the names and indexes that lead there

# Possessive, and tolerant of a missing end, so that no input makes it backtrack.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
TOKEN = re.compile(rb'("(?:[^"\\]++|\\.)*+"?)|[\[\]{},:]', re.DOTALL)
BRACKET = re.compile(rb"[\[{\]}]")
MAX_NAME, MAX_NAMES = 64, 4  # of a place that is named


class Bounds(NamedTuple):
    """How much of a text is read. A thread that parses more values in one go would keep the event loop waiting."""

    bytes: int = 64 * 1024
    depth: int = 20
    values: int = 20_000  # strings; brackets and commas together


class OutOfBounds(ValidationError):
    """400: too deep, or too many values."""

    def __init__(self, message: str) -> None:
        super().__init__({"body": message})


def check_structure(body: bytes, bounds: Bounds) -> None:
    """Count strings, lists and objects before any of them is made. Raises OutOfBounds."""
    structure, strings = STRING.subn(b"", body, bounds.values + 1)  # one call, and no other thread runs meanwhile
    if strings > bounds.values or sum(map(structure.count, (b"[", b"{", b"]", b"}", b","))) > bounds.values:
        raise OutOfBounds(f"At most {bounds.values} values are read.")
    depth = 0
    for bracket in BRACKET.findall(structure):
        depth += 1 if bracket in b"[{" else -1
        if depth > bounds.depth:
            raise OutOfBounds(f"At most {bounds.depth} levels of nesting are read.")


def place_of_excess(body: bytes, bounds: Bounds) -> str:
    """The part of an object that is too deep, as in tools[3].function.parameters, or has most of the values.

    Empty if the text is no object. Looks at no more of it than could be read.
    """
    place: Place = []
    last, counts = b"", Counter[bytes | int]()
    for token in islice(TOKEN.finditer(body), bounds.values):
        last = token[1] or last
        _move(place, token[0], last)
        if len(place) > bounds.depth:
            return _written(place)
        counts[place[0] if place else b""] += 1
    return _written([name for name, _ in counts.most_common(1)])


def short_list_decoder(kind: type[Item], most: int) -> Callable[[bytes | msgspec.Raw], list[Item] | None]:
    """A decoder of null or lists of at most `most` items of a `kind`. It raises msgspec.DecodeError."""
    items = [(f"item_{index}", kind | msgspec.UnsetType, msgspec.UNSET) for index in range(most)]
    array = msgspec.defstruct("ShortList", items, array_like=True, forbid_unknown_fields=True)
    decode = msgspec.json.Decoder(array | None).decode

    def short_list(json: bytes | msgspec.Raw) -> list[Item] | None:
        found = decode(json)
        return None if found is None else [item for item in msgspec.structs.astuple(found) if item is not msgspec.UNSET]

    return short_list


def _move(place: Place, token: bytes, last: bytes) -> None:
    """Move `place` past the token; `last` is the last string so far."""
    if token in (b"{", b"["):
        place.append(b"" if token == b"{" else 0)
    elif token in (b"}", b"]"):
        place[-1:] = []
    elif token == b":":
        place[-1:] = [last]
    elif token == b"," and place and isinstance(index := place[-1], int):
        place[-1] = index + 1


def _written(place: Place) -> str:
    if isinstance(place[0], int):
        return ""
    names = [f"[{name}]" if isinstance(name, int) else f".{_name(name)}" for name in place[:MAX_NAMES]]
    return "".join(names).removeprefix(".")


def _name(quoted: bytes) -> str:
    return quoted.strip(b'"').decode(errors="replace")[:MAX_NAME]
