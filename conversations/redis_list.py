"""The recent messages of a conversation in Redis: the list `conversation:{id}`.

Redis may lose, keep, repeat and reorder what it is told, so `conversations.recent` checks each list before it uses it.
Errors of Redis are counted in `resilience.redis_errors`, and never raised.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

LIMIT = 20  # messages in a list
TTL_SECONDS = 3600  # since the last append
SHAPE: Final = 2  # of an item; another number with each new field

# Appends to a list whose last item is the message before the new ones, or starts one with the first message of all.
# Otherwise the list has a gap, is gone or has these messages already; it is left as it is for a reader to replace.
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
JsonObject = dict[str, Any]


class RecentMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A message as the list holds it. The id comes first because APPEND compares how items begin.

    `shape` has no default, so that workers of two releases replace each other's lists while both run: one that does not
    know a field writes a list without it, which looks right to one that does.
    `parts` are never in the list, for images would fill Redis: who reads it asks PostgreSQL for them.
    """

    id: UUID
    shape: Literal[2]
    position: int
    role: str
    content: str
    created_at: datetime
    tool_calls: list[JsonObject] | None = None
    tool_call_id: str = ""
    has_parts: bool = False
    parts: list[JsonObject] | None = None


_decode = msgspec.json.Decoder(RecentMessage).decode


def read(conversation: UUID) -> list[RecentMessage] | None:
    """What the list holds; empty if it is missing or not readable, None if Redis did not answer."""
    found: list[bytes] | None = execute(lambda client: client.lrange(_key(conversation), -LIMIT, -1), refused=[])
    try:
        return None if found is None else [_decode(item) for item in found]
    except msgspec.DecodeError:
        return []  # foreign items: the caller replaces them


def append(conversation: UUID, messages: Sequence[RecentMessage], before: UUID | None) -> None:
    """Appends, trims and sets the TTL in one step, if the list ends with the message `before`.

    `before` is None for the first messages of the conversation.
    """
    beginning = f'{{"id":"{before}"' if before else ""
    items = _encode(messages)
    execute(lambda client: client.eval(APPEND, 1, _key(conversation), beginning, LIMIT, TTL_SECONDS, *items))


def replace(conversation: UUID, messages: Sequence[RecentMessage]) -> None:
    """Makes the list hold these messages, whatever it held before."""
    key, items = _key(conversation), _encode(messages)
    execute(lambda client: client.pipeline().delete(key).rpush(key, *items).expire(key, TTL_SECONDS).execute())


def delete(conversation: UUID) -> None:
    """Deletes the list."""
    execute(lambda client: client.unlink(_key(conversation)))


def execute(command: Callable[[Any], T], refused: T | None = None) -> T | None:
    """What the command returns. None if Redis is off or did not answer.

    `refused` if it answered with an error: a wrong type, no permission.
    """
    if not settings.REDIS_ENABLED:
        return None
    try:
        return command(get_redis_connection("default"))
    except ResponseError:
        return refused
    except RedisError:
        return None


def _encode(messages: Sequence[RecentMessage]) -> list[bytes]:
    return [msgspec.json.encode(message) for message in messages[-LIMIT:]]


def _key(conversation: UUID) -> str:
    return f"{settings.REDIS_KEY_PREFIX}conversation:{conversation}"
