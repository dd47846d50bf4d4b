"""Copies of wishes in Django's cache: the one module of this app that reads and writes it.

With Redis away every read is a miss and every write does nothing.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from django.conf import settings
from django.core.cache import cache

from coherence.shared import Shared
from personalities.prompt import Wishes
from resilience.redis_pool import is_away

# The key, which the change log calls it too. People type it into redis-cli.
TRIGGER_KEY = "'prefs:' || {row}.user_id"

# Changes with any field or choice: what another release of this program wrote is not read as this one's.
SHAPE = hashlib.sha256(msgspec.json.encode(msgspec.json.schema(Wishes))).hexdigest()[:12]


def key_of(user: int) -> str:
    """TRIGGER_KEY says the same in SQL."""
    return f"prefs:{user}"


class RedisCopies(Shared[int, Wishes]):
    """By the user's id. Beside the wishes stand whose they are, the number of the change log, and this shape."""

    def get_many(self, keys: Collection[int]) -> dict[int, tuple[int, Wishes]]:
        """What is corrupt or foreign counts as absent."""
        if is_away():
            return {}
        found = {user: believe(user, cache.get(key_of(user))) for user in keys}  # one nearly always
        return {user: copy for user, copy in found.items() if copy}

    def store(self, number: int, values: Mapping[int, Wishes]) -> None:
        if is_away():
            return
        entries = {key_of(user): _entry(user, number, wishes) for user, wishes in values.items()}
        cache.set_many(entries, settings.PERSONALITY_CACHE_SECONDS)


def forget(user: int) -> None:
    """Drop the copy."""
    if not is_away():
        cache.delete(key_of(user))


def _entry(user: int, number: int, wishes: Wishes) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(wishes)
    return plain | {"meta": {"user": user, "number": number, "shape": SHAPE}}


def believe(user: int, value: Any) -> tuple[int, Wishes] | None:
    """The number and the wishes, if they are of this release and this user's."""
    try:
        meta = value.pop("meta")
        number, shape, whose = meta["number"], meta["shape"], meta["user"]
        wishes = msgspec.convert(value, Wishes)
    except (TypeError, KeyError, AttributeError, ValueError):
        return None  # whoever wrote that, it is not ours; the row will overwrite it
    return (number, wishes) if (whose, shape) == (user, SHAPE) and type(number) is int else None
