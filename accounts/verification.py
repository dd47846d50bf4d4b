"""Who may come in: API keys and their users, cached so that a key that is revoked is refused as soon as an edit shows.

Only in this process's memory: verdicts do not belong in a cache that others can write to.
"""

import hmac
from collections.abc import Collection
from typing import NamedTuple, Protocol

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS

from accounts.keys import LENGTH, PREFIX, digest
from coherence.cache import CoherentCache
from coherence.change_log import NumberedQuery, Position

USER_COLUMNS = ("id", "is_superuser", "username", "is_staff", "is_active")  # in the order of the model, for from_db


class KeyRow(Protocol):
    """What is read of an ApiKey."""

    prefix: str
    user_id: int
    digest: str


class Key(NamedTuple):
    """An API key that is not revoked: its user's id, and the digest of its text."""

    user_id: int
    digest: bytes

    def fits(self, text: bytes) -> bool:
        """Whether `text` is this key. Takes the same time for any wrong text of its length."""
        return len(text) == LENGTH and hmac.compare_digest(self.digest, digest(text))


_key_query: NumberedQuery[KeyRow] = NumberedQuery(
    "accounts.ApiKey",
    "prefix = ANY(%(prefixes)s) AND revoked_at IS NULL AND digest ~ '^[0-9a-f]{64}$'",  # SQL may have written any other
    ("id", "prefix", "user_id", "digest"),
)
_user_query: NumberedQuery[User] = NumberedQuery("auth.User", "id = ANY(%(ids)s) AND is_active", USER_COLUMNS)


def _load_keys(prefixes: Collection[str]) -> tuple[Position | None, dict[str, Key]]:
    position, found = _key_query(prefixes=list(prefixes))
    return position, {key.prefix: Key(key.user_id, bytes.fromhex(key.digest)) for key in found}


def _load_users(ids: Collection[int]) -> tuple[Position | None, dict[int, tuple[object, ...]]]:
    position, found = _user_query(ids=list(ids))
    return position, {user.pk: tuple(getattr(user, column) for column in USER_COLUMNS) for user in found}


STALE_SECONDS = settings.COPY_STALE_IF_ERROR_SECONDS  # a caller who cannot be verified is not served anything
keys = CoherentCache("api_key", _load_keys, "api_key:{}".format, capacity=10_000, stale_if_error_seconds=STALE_SECONDS)
users = CoherentCache("user", _load_users, "user:{}".format, capacity=10_000, stale_if_error_seconds=STALE_SECONDS)


def verified_from_memory(text: bytes) -> int | None:
    """The id of the active user whose unrevoked API key `text` is, if memory tells; else None.

    For a caller that has checked `coherence.cache.memory_may_answer`.
    """
    key = keys.current_copy(text[PREFIX].decode("latin-1"))
    if key is None or key.value is None or not key.value.fits(text):
        return None
    holder = users.current_copy(key.value.user_id)
    if holder is None or holder.value is None:
        return None
    key.read()
    holder.read()
    return key.value.user_id


def is_known(authorization: str) -> bool:
    """Whether that header has a key which memory has, current or not; nobody is let in by that alone."""
    text = authorization.removeprefix("Bearer ").encode("latin-1", "replace")
    key = keys.positive.get(text[PREFIX].decode("latin-1"))
    return key is not None and key.value is not None and key.value.fits(text)


def user(id: int) -> User | None:
    """The active user as a new instance, or None. Columns that are not cached are read when asked for."""
    columns = users.get(id).value
    return User.from_db(DEFAULT_DB_ALIAS, USER_COLUMNS, columns) if columns else None
