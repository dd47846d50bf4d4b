"""JSON lists whose length a peer chooses: one that is too long is refused without reading it to its end."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

Item = TypeVar("Item")


def decoder(kind: type[Item], most: int) -> Callable[[bytes | msgspec.Raw], list[Item] | None]:
    """A decoder of null or lists of at most `most` items of a `kind`. It raises msgspec.DecodeError."""
    items = [(f"item_{index}", kind | msgspec.UnsetType, msgspec.UNSET) for index in range(most)]
    array = msgspec.defstruct("ShortList", items, array_like=True, forbid_unknown_fields=True)
    decode = msgspec.json.Decoder(array | None).decode

    def short_list(json: bytes | msgspec.Raw) -> list[Item] | None:
        found = decode(json)
        return None if found is None else [item for item in msgspec.structs.astuple(found) if item is not msgspec.UNSET]

    return short_list
