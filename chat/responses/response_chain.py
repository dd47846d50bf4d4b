"""Responses that belong to no conversation and continue one another: what was asked in each, for a day in Redis.

What was answered is remembered by item, so both are stored once, however many responses follow. All of this blocks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chat.backends import JsonObject
from chat.responses import stored_items
from chat.responses.items import Item, ResponsesItemReference, ResponsesReasoning


class Chain(NamedTuple):
    """What a response continues: the ids of earlier responses, oldest first, what was said in them, and the ids of all
    that is remembered of them.
    """

    responses: Sequence[str] = ()
    items: Sequence[Item] = ()
    ids: Sequence[str] = ()


class _Link(msgspec.Struct):
    earlier: list[str]
    items: list[Item]


_decode = msgspec.json.Decoder(_Link).decode


def find(owner: int, id: str) -> Chain | None:
    """The user's responses that end with this one; None if not all of it is remembered. Raises ApiError."""
    last = _links(owner, [id])
    responses = [*last[0].earlier, id] if last else []
    links = _links(owner, responses) if last else ()
    said = [item for link in links for item in link.items]
    answered = [item.id for item in said if isinstance(item, ResponsesItemReference)]
    items = stored_items.resolved(owner, said, "previous_response_id")
    if not links or any(isinstance(item, ResponsesItemReference) for item in items):
        return None
    return Chain(responses, items, [*responses, *answered])


def store(owner: int, id: str, earlier: Chain, asked: Sequence[Item], output: Sequence[JsonObject]) -> None:
    """Remembers what was asked and answered in a response to this user, unless it is too long."""
    items: list[Item] = [
        *(item for item in asked if not isinstance(item, ResponsesReasoning)),
        *(ResponsesItemReference(str(item["id"])) for item in output),
    ]
    link = msgspec.json.encode(_Link([*earlier.responses], items))
    stored_items.write(
        owner, {stored_items.key(owner, id): link}, [stored_items.key(owner, each) for each in earlier.ids]
    )


def _links(owner: int, responses: Sequence[str]) -> Sequence[_Link]:
    """All of them; none if one is missing or unreadable."""
    found = stored_items.read([stored_items.key(owner, id) for id in responses], "previous_response_id")
    try:
        return [_decode(value or b"") for value in found]
    except msgspec.DecodeError:
        return ()
