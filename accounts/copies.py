"""Who may come in, kept near: who is not to come in any more is refused as soon as an edit would show.

Only in this process's memory: verdicts do not belong into a cache that others can write.
"""

import hmac
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS

from accounts.keys import PREFIX, digest
from coherence.cache import CoherentCache
from coherence.log import NumberedQuery

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from accounts.models import ApiKey

USER_COLUMNS = ("id", "is_superuser", "username", "is_staff", "is_active")  # in the order of the model, for from_db


class Key(NamedTuple):
    """Of a key that is not revoked: whose it is, and what its text must hash to."""

    user_id: int
    digest: bytes

    def fits(self, text: bytes) -> bool:
        return hmac.compare_digest(self.digest, digest(text))


@cache
def _key_query() -> "NumberedQuery[ApiKey]":
    columns = ("id", "prefix", "user_id", "digest")
    condition = "prefix = ANY(%(prefixes)s) AND revoked_at IS NULL"
    return NumberedQuery(apps.get_model("accounts", "ApiKey"), condition, columns)


@cache
def _user_query() -> "NumberedQuery[User]":
    return NumberedQuery(get_user_model(), "id = ANY(%(ids)s) AND is_active", USER_COLUMNS)


def _load_keys(prefixes: Collection[str]) -> tuple[int | None, dict[str, Key]]:
    number, keys = _key_query()(prefixes=list(prefixes))
    return number, {key.prefix: Key(key.user_id, bytes.fromhex(key.digest)) for key in keys}


def _load_users(ids: Collection[int]) -> tuple[int | None, dict[int, tuple[Any, ...]]]:
    number, users = _user_query()(ids=list(ids))
    return number, {user.pk: tuple(getattr(user, column) for column in USER_COLUMNS) for user in users}


STALE_SECONDS = settings.PERSONALITY_STALE_IF_ERROR_SECONDS  # who may not ask is not served, however stale
keys = CoherentCache("api_key", _load_keys, "api_key:{}".format, capacity=10_000, stale_seconds=STALE_SECONDS)
users = CoherentCache("user", _load_users, "user:{}".format, capacity=10_000, stale_seconds=STALE_SECONDS)


def near(text: bytes) -> int | None:
    """The id of the user whose key it is, if it can be told from memory that they may come in; else None.

    For who knows that copies `coherence.cache.may_answer`.
    """
    key = keys.near(text[PREFIX].decode("latin-1"))
    holder = users.near(key.value.user_id) if key is not None and key.value is not None else None
    if key is None or key.value is None or holder is None or holder.value is None or not key.value.fits(text):
        return None
    key.reads += 1
    holder.reads += 1
    return key.value.user_id


def user(id: int) -> Any:
    """The active user, or None, as an instance of their own. Columns that are not kept are read when asked for."""
    columns = users.get(id).value
    return get_user_model().from_db(DEFAULT_DB_ALIAS, USER_COLUMNS, columns) if columns else None
