"""Key names. They are a public contract: people type them into redis-cli."""

import re

from django.conf import settings

Key = tuple[int | None, str]  # owner's id (None: global), canonical name

OURS = re.compile(r"personality:(?:global|\d+):[a-z0-9][a-z0-9_-]{0,99}:(?:id|config)|personality:\d+:names")


def id_key(key: Key) -> str:
    return f"{_stem(key)}:id"


def config_key(key: Key) -> str:
    return f"{_stem(key)}:config"


def names_key(owner: int) -> str:
    """Of the list of names that a user has personalities of."""
    return f"personality:{owner}:names"


def _stem(key: Key) -> str:
    owner, name = key
    return f"personality:{'global' if owner is None else owner}:{name}"


def plain(key: str, key_prefix: str, version: int) -> str:
    """Django's KEY_FUNCTION: the key as the code says it, behind REDIS_KEY_PREFIX, which is empty unless set."""
    return f"{key_prefix}{key}"


def pattern(name: str | None = None) -> str:
    """A glob for SCAN that finds the keys of `name`, or of all, and may find others: check with `is_ours`."""
    escaped_prefix = re.sub(r"([*?\[\]\\])", r"\\\1", settings.REDIS_KEY_PREFIX)
    return f"{escaped_prefix}personality:*:{name}:*" if name else f"{escaped_prefix}personality:*"


def is_ours(text: str) -> bool:
    prefix = settings.REDIS_KEY_PREFIX
    return text.startswith(prefix) and OURS.fullmatch(text.removeprefix(prefix)) is not None
