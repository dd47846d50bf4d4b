"""Items of answers that belong to no conversation: for a day in Redis, so that their caller may refer to them by id.

Errors of Redis are counted as `conversations.redis_list` says, and never raised: what cannot be read is not found. All
of this blocks.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings

from chat.backends import JsonObject
from chat.errors import bad_request
from chat.responses.items import Item, ResponsesFunctionCall, ResponsesItemReference, ResponsesMessage
from conversations.models import MAX_BYTES, MAX_JSON_BYTES
from conversations.redis_list import execute

TTL_SECONDS = 24 * 3600
MAX_REFERENCES = 1000  # of a request, which would have room for many more

_decode = msgspec.json.Decoder(ResponsesMessage | ResponsesFunctionCall).decode


def store(owner: int, items: Sequence[JsonObject]) -> None:
    """Stores the output items of an answer to this user, except for those that are too long."""
    encoded = {_key(owner, str(item["id"])): msgspec.json.encode(item) for item in items}
    execute(lambda client: _set(client.pipeline(transaction=False), encoded))


def resolved(owner: int, items: Sequence[Item]) -> Sequence[Item]:
    """The items, with those that are stored instead of references to them. Raises ApiError if they are too many."""
    keys = [_key(owner, item.id) for item in items if isinstance(item, ResponsesItemReference)]
    if not keys:
        return items
    if len(keys) > MAX_REFERENCES or _bytes(keys) > MAX_JSON_BYTES:
        message = f"At most {MAX_REFERENCES} items can be referred to, of {MAX_JSON_BYTES} bytes in all."
        raise bad_request(message, "input")
    found = iter(execute(lambda client: client.mget(keys)) or [None] * len(keys))
    return [_item(item, next(found)) if isinstance(item, ResponsesItemReference) else item for item in items]


def _set(pipeline: Any, encoded: dict[str, bytes]) -> None:
    for key, value in encoded.items():
        if len(value) <= MAX_BYTES:
            pipeline.set(key, value, ex=TTL_SECONDS)
    pipeline.execute()


def _bytes(keys: Sequence[str]) -> int:
    """How long they are together, each as often as it is named."""
    return sum(execute(lambda client: _lengths(client.pipeline(transaction=False), keys)) or ())


def _lengths(pipeline: Any, keys: Sequence[str]) -> list[int]:
    for key in keys:
        pipeline.strlen(key)
    lengths: list[int] = pipeline.execute()
    return lengths


def _item(reference: ResponsesItemReference, value: bytes | None) -> Item:
    try:
        return reference if value is None else _decode(value)
    except msgspec.DecodeError:  # foreign, or a call that no request could make
        return reference


def _key(owner: int, id: str) -> str:
    return f"{settings.REDIS_KEY_PREFIX}response:{owner}:{id}"
