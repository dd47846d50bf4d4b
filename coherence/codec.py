"""How copies are named and written in Redis. Both are a public contract: people read them with redis-cli."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from django_redis.serializers.json import JSONSerializer

from coherence.change_log import Position

K = TypeVar("K")
V = TypeVar("V")

SHAPE = re.compile(r"[0-9a-f]{12}")  # a fingerprint, of whichever release
ID_PATTERN = "[1-9][0-9]{0,18}"  # a pattern of ids in keys; see `id_from`
MAX_ID = 2**63 - 1  # PostgreSQL's bigint


def id_from(digits: str) -> int | None:
    """The id that `digits`, which match ID_PATTERN, stand for; None if no row can have it: it is above MAX_ID."""
    number = int(digits)
    return number if number <= MAX_ID else None


class Codec(Generic[K, V]):
    """The Redis form of one kind of copy: a JSON object, with the position of the change log in its `meta`.

    This one stores values of the frozen `struct` under `{prefix}:{key}`, for keys that are positive integers, and notes
    the key as `meta.{key_field}`. Subclasses override how copies are named and checked. `meta.shape` changes with any
    field, type or bound of the struct, so that a copy written by another release is not read as one of this.
    """

    def __init__(self, prefix: str, struct: type[V], *, key_field: str = "key") -> None:
        self.prefix, self.struct, self.key_field = prefix, struct, key_field
        schema = msgspec.json.encode(msgspec.json.schema(struct))
        self.fingerprint = hashlib.sha256(schema).hexdigest()[:12]
        self.pattern = f"{prefix}:*"  # a glob that matches every Redis key of this kind

    def log_key(self, key: K) -> str:
        """The key of the row in the change log, as the triggers of its model write it."""
        return f"{self.prefix}:{key}"

    def redis_key(self, key: K) -> str:
        """The Redis key that lookups read."""
        return self.log_key(key)

    def redis_keys(self, key: K) -> tuple[str, ...]:
        """Every Redis key that holds something about `key`."""
        return (self.redis_key(key),)

    def key_from_redis(self, redis_key: str) -> K | None:
        """The key that is stored as `redis_key` in Redis, or None if that is not of this kind."""
        match = re.fullmatch(f"{re.escape(self.prefix)}:({ID_PATTERN})", redis_key)
        return id_from(match[1]) if match else None  # type: ignore[return-value]  # keys of this class are integers

    def encode(self, key: K, position: Position, value: V) -> dict[str, object]:
        """What to store, by Redis key, of a `value` that was read at `position` of the change log."""
        return {self.redis_key(key): self._plain(position, value, {self.key_field: key})}

    def decode(self, key: K, stored: object) -> tuple[Position, V] | None:
        """The position and the value, if `stored` is a valid copy of `key` written by this release; else None."""
        return self._typed(stored, {self.key_field: key})

    def inspect(self, key: K, values: Mapping[str, object]) -> tuple[Position, V | None] | None:
        """The position and the value of a valid copy, from `values` by Redis key; None if any is damaged, even one
        that lookups do not read.

        For a copy that another release has written, it is the position without a value.
        """
        stored = values.get(self.redis_key(key))
        position = self._of_another_release(stored, {self.key_field: key})
        return (position, None) if position else self.decode(key, stored)

    def _of_another_release(self, stored: object, identity: Mapping[str, object]) -> Position | None:
        """The position of a copy that is intact, but of another shape, or from before copies named their history."""
        match stored:
            case {"meta": {"number": int(number), "shape": str(shape), **rest}} if SHAPE.fullmatch(shape):
                history = rest.get("history", "")
                is_another = shape != self.fingerprint or history == ""
                if is_another and type(number) is int and isinstance(history, str) and identity.items() <= rest.items():
                    return Position(history, number)
        return None

    def _plain(self, position: Position, value: V, identity: Mapping[str, object]) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(value)
        plain["meta"] = {**plain.get("meta", {}), **identity, **position._asdict(), "shape": self.fingerprint}
        return plain

    def _typed(self, stored: Any, identity: Mapping[str, object]) -> tuple[Position, V] | None:
        """Modifies `stored`, which was decoded for this call alone."""
        try:
            meta = stored["meta"]
            position, shape = Position(meta.pop("history"), meta.pop("number")), meta.pop("shape")
            found = {field: meta.pop(field) for field in identity}
            if not meta:
                del stored["meta"]
            value = msgspec.convert(stored, self.struct)
        except (TypeError, KeyError, AttributeError, ValueError):
            return None  # nothing that this release wrote; the next read replaces it
        valid = found == identity and shape == self.fingerprint and type(position.number) is int
        return (position, value) if valid else None


class TolerantJSONSerializer(JSONSerializer):
    """For django-redis: JSON, in which a damaged value reads as None, so that it does not cost the rest of a batch."""

    def loads(self, value: bytes) -> Any:
        """The decoded value; None for anything that is not JSON in UTF-8, lone surrogates included."""
        try:
            return msgspec.json.decode(value)
        except (ValueError, RecursionError):
            return None


def plain_key(key: str, key_prefix: str, version: int) -> str:
    """For Django's KEY_FUNCTION: the key as the code spells it behind the prefix, without Django's `:1:`."""
    return f"{key_prefix}{key}"
