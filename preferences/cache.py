"""The cache of users' wishes: their form in Redis and where copies come from."""

from collections.abc import Collection
from typing import Protocol

from django.conf import settings

from coherence.cache import CoherentCache
from coherence.change_log import NumberedQuery, Position
from coherence.codec import Codec
from coherence.redis_copies import RedisCopies
from personalities.prompt import Wishes

LOG_KEY_SQL = "'prefs:' || {row}.user_id"


class Row(Protocol):
    """What is read of a Preferences row."""

    user_id: int

    def to_wishes(self) -> Wishes:
        """The wishes of the row."""


_query: NumberedQuery[Row] = NumberedQuery("preferences.Preferences", "user_id = ANY(%(users)s)")


def load(users: Collection[int]) -> tuple[Position | None, dict[int, Wishes]]:
    """The wishes of `users` (ids) from the database, and the position of the change log, in one statement."""
    position, rows = _query(users=list(users))
    return position, {row.user_id: row.to_wishes() for row in rows}


codec = Codec[int, Wishes]("prefs", Wishes, key_field="user")
wishes_in_redis = RedisCopies(codec, ttl=settings.COPY_TTL_SECONDS)
wishes = CoherentCache(
    "preferences",
    load,
    codec.log_key,
    shared=wishes_in_redis,
    capacity=10_000,
    stale_if_error_seconds=settings.COPY_STALE_IF_ERROR_SECONDS,
)
