"""Items of answers that belong to no conversation: for a day in Redis, so that their caller may refer to them by id.

Beside them `responses:{owner}` is a sorted set of their keys, scored by the running total of bytes: when a user's items
exceed their share, it names the oldest, which are deleted. Expired ones count until they are the oldest.

Errors of Redis are counted as `conversations.redis_list` says, and never raised: what cannot be read is not found. All
of this blocks, except for the backend.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import msgspec
from django.conf import settings

from chat.backends import Backend, Chunk, Completion, JsonObject, Payload
from chat.backends.answers import FirstChoice
from chat.errors import bad_request
from chat.responses.deltas import delta_of_whole
from chat.responses.items import Item, ResponsesFunctionCall, ResponsesItemReference, ResponsesMessage
from chat.responses.output import COMPLETED, UNREADABLE, Output
from chat.stream_end import end_when_stored
from chat.threads import in_thread
from conversations.models import MAX_BYTES, MAX_JSON_BYTES
from conversations.redis_list import execute

TTL_SECONDS = 24 * 3600
MAX_REFERENCES = 1000  # of a request, which would have room for many more
OVERHEAD = 512  # bytes that Redis takes for an item besides its value

# Stores items, and deletes the oldest of the same owner beyond a number of bytes.
STORE = """
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local stored = tonumber(last[2] or 0)
for item = 2, #KEYS do
    local value = ARGV[item + 2]
    stored = stored + #value + ARGV[3]
    redis.call('SET', KEYS[item], value, 'EX', ARGV[1])
    redis.call('ZADD', KEYS[1], stored, KEYS[item])
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', stored - ARGV[2])) do
    redis.call('UNLINK', key)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', stored - ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

_decode = msgspec.json.Decoder(ResponsesMessage | ResponsesFunctionCall).decode


class RememberingBackend:
    """Answers, and has the output items stored before the caller is sent the end.

    The format puts the chunks of a stream together in `output`.
    """

    def __init__(self, backend: Backend, store: Callable[[Sequence[JsonObject]], None], output: Output) -> None:
        self._backend, self._store, self._output = backend, store, output
        self.stream_seconds = backend.stream_seconds

    async def complete(self, payload: Payload) -> Completion:
        """The language model's answer. Raises ApiError."""
        answer = await self._backend.complete(payload)
        await in_thread(lambda: self._store(_output_items(answer, self._output.key)))
        return answer

    def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The answer in chunks: its text at once, and its end when it is stored. Raises ApiError."""
        chunks = self._backend.chunks(payload)
        return end_when_stored(chunks, lambda: self._store(self._output.value()), FirstChoice().only_first)


def _output_items(answer: Completion, key: str) -> list[JsonObject]:
    """What the format will make of it: nothing if it is broken, which the format tells the caller."""
    output = Output(key)
    try:
        for choice in answer["choices"][:1]:
            for _ in (*output.add(delta_of_whole(choice.get("message"))), *output.end(COMPLETED)):
                pass
    except UNREADABLE:
        return []
    return output.value()


def store(owner: int, items: Sequence[JsonObject]) -> None:
    """Stores the output items of an answer to this user, except for those that are too long."""
    write(owner, {key(owner, str(item["id"])): msgspec.json.encode(item) for item in items})


def resolved(owner: int, items: Sequence[Item], param: str = "input") -> Sequence[Item]:
    """The items, with stored ones in place of references to them. Raises ApiError if there are too many."""
    keys = [key(owner, item.id) for item in items if isinstance(item, ResponsesItemReference)]
    if not keys:
        return items
    found = iter(read(keys, param))
    return [_item(item, next(found)) if isinstance(item, ResponsesItemReference) else item for item in items]


def key(owner: int, id: str) -> str:
    """The Redis key for this user's item or response."""
    return f"{settings.REDIS_KEY_PREFIX}response:{owner}:{id}"


def read(keys: Sequence[str], param: str) -> Sequence[bytes | None]:
    """What is stored under the keys. Raises ApiError about the parameter if that is more than a request may have."""
    if len(keys) > MAX_REFERENCES or _bytes(keys) > MAX_JSON_BYTES:
        message = f"{param}: at most {MAX_REFERENCES} can be referred to, of {MAX_JSON_BYTES} bytes in all."
        raise bad_request(message, param)
    return execute(lambda client: client.mget(keys)) or [None] * len(keys)


def write(owner: int, encoded: Mapping[str, bytes], still_needed: Sequence[str] = ()) -> None:
    """Stores what is not too long, and keeps the keys that are still needed just as long."""
    short = {name: value for name, value in encoded.items() if len(value) <= MAX_BYTES}
    execute(lambda client: _write(client.pipeline(transaction=False), owner, short, still_needed))


def _write(pipeline: Any, owner: int, short: Mapping[str, bytes], still_needed: Sequence[str]) -> None:
    keys = [f"{settings.REDIS_KEY_PREFIX}responses:{owner}", *short]
    bounds = TTL_SECONDS, settings.RESPONSES_REMEMBERED_MIB << 20, OVERHEAD
    pipeline.eval(STORE, len(keys), *keys, *bounds, *short.values())
    for name in still_needed:
        pipeline.expire(name, TTL_SECONDS)
    pipeline.execute()


def _bytes(keys: Sequence[str]) -> int:
    """The total length of the values, counting repeated keys."""
    return sum(execute(lambda client: _lengths(client.pipeline(transaction=False), keys)) or ())


def _lengths(pipeline: Any, keys: Sequence[str]) -> list[int]:
    for name in keys:
        pipeline.strlen(name)
    lengths: list[int] = pipeline.execute()
    return lengths


def _item(reference: ResponsesItemReference, value: bytes | None) -> Item:
    try:
        return reference if value is None else _decode(value)
    except msgspec.DecodeError:  # unreadable, or a call that no request could make
        return reference
