"""The recent messages of a conversation: the list `conversation:{id}` in Redis. The one module that talks to it.

Redis may lose, keep, repeat and reorder what it is told; `recent` believes no list that it has not checked. What goes
wrong is counted below, in `resilience.redis_errors`, and never raised.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

LIMIT = 20  # messages
SECONDS = 3600  # since the last one

# Appends to a list whose last item is the message before, or begins one with the first message of all. Else the list
# has a gap, is gone, or has these messages already: then it is left for a reader to put right.
APPEND = """
local last = redis.call('LINDEX', KEYS[1], -1) or ''
local before = ARGV[1]
if last == before or (before ~= '' and string.sub(last, 1, #before) == before) then
    redis.call('RPUSH', KEYS[1], unpack(ARGV, 4))
    redis.call('LTRIM', KEYS[1], -ARGV[2], -1)
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
"""
T = TypeVar("T")


class RecentMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message as the list holds it. The id comes first, for APPEND compares the beginnings of items."""

    id: UUID
    position: int
    role: str
    content: str
    created_at: datetime


_decode = msgspec.json.Decoder(RecentMessage).decode


def read(conversation: UUID) -> list[RecentMessage] | None:
    """What lies there: nothing, the recent messages, or something else. None when Redis did not say."""
    found: list[bytes] | None = _ask(lambda client: client.lrange(_key(conversation), -LIMIT, -1), refused=[])
    try:
        return None if found is None else [_decode(item) for item in found]
    except msgspec.DecodeError:
        return []  # whoever wrote that; the rows will overwrite it


def append(conversation: UUID, messages: Sequence[RecentMessage], before: UUID | None) -> None:
    """Append, trim and expire in one step, if the list ends with the message `before`."""
    beginning = f'{{"id":"{before}"' if before else ""
    items = _encode(messages)
    _ask(lambda client: client.eval(APPEND, 1, _key(conversation), beginning, LIMIT, SECONDS, *items))


def replace(conversation: UUID, messages: Sequence[RecentMessage]) -> None:
    """The list is these from now on, whatever it was."""
    key, items = _key(conversation), _encode(messages)
    _ask(lambda client: client.pipeline().delete(key).rpush(key, *items).expire(key, SECONDS).execute())


def forget(conversation: UUID) -> None:
    _ask(lambda client: client.unlink(_key(conversation)))


def _ask(do: Callable[[Any], T], refused: T | None = None) -> T | None:
    """None when Redis did not do it; `refused` when it answered that it does not: another type of key, no rights."""
    if not settings.REDIS_ENABLED:
        return None
    try:
        return do(get_redis_connection("default"))
    except ResponseError:
        return refused
    except RedisError:
        return None


def _encode(messages: Sequence[RecentMessage]) -> list[bytes]:
    return [msgspec.json.encode(message) for message in messages[-LIMIT:]]


def _key(conversation: UUID) -> str:
    return f"{settings.REDIS_KEY_PREFIX}conversation:{conversation}"
