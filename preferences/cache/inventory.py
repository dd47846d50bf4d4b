"""What lies in Redis, for people. Unlike a lookup, it says when Redis is away."""

import re
from collections.abc import Collection, Iterator
from typing import Any, cast

from django.conf import settings
from django.core.cache import caches

from coherence.redis_keys import connected, is_no_text, scan
from personalities.prompt import Wishes
from preferences.cache import believe, key_of

OURS = re.compile(r"prefs:([1-9][0-9]{0,18})")


def forget_all(users: Collection[int] | None = None) -> int:
    """Delete the copies of these users, or of all; return how many went. Raises RedisUnavailable."""
    with connected() as client:
        return sum(client.unlink(*map(_name, batch)) for batch in _batches(client, users))


def copies(users: Collection[int] | None = None) -> Iterator[dict[int, tuple[int, Wishes] | None]]:
    """What there is of these users, or of all, a batch at a time: the copy and its number, None when it is not as it is
    stored. Raises RedisUnavailable.
    """
    with connected() as client:
        for batch in _batches(client, users):
            yield _read(client, batch)


def _batches(client: Any, users: Collection[int] | None) -> Iterator[Collection[int]]:
    if users is None:
        for names in scan(client, "prefs:*", lambda name: _user(name) is not None):
            yield [user for name in names if (user := _user(name))]
    elif users:
        yield users


def _read(client: Any, users: Collection[int]) -> dict[int, tuple[int, Wishes] | None]:
    values = cast(Any, caches["default"]).client.get_many(map(key_of, users), client=client)
    found = {user: believe(user, values[key_of(user)]) for user in users if key_of(user) in values}
    return found | {user: None for user in users if user not in found and is_no_text(client, _name(user))}


def _name(user: int) -> str:
    return settings.REDIS_KEY_PREFIX + key_of(user)


def _user(name: str) -> int | None:
    """Whose copy lies under that Redis key; None when it is none of ours."""
    prefix = settings.REDIS_KEY_PREFIX
    match = OURS.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
    return int(match[1]) if match else None
