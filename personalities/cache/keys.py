"""Key names. They are a public contract: people type them into redis-cli."""

import re

from django.conf import settings

Key = tuple[int | None, str]  # owner's id (None: global), canonical name
TRIGGER_KEY = "'personality:' || coalesce({row}.owner_id::text, 'global') || ':' || {row}.personality_name"
CONFIG = ":config"  # how the key that lookups read ends

OURS = re.compile(r"personality:(global|[0-9]{1,19}):([a-z0-9][a-z0-9_-]{0,99}):(?:id|config)")


def id_key(key: Key) -> str:
    return f"{stem(key)}:id"


def config_key(key: Key) -> str:
    return f"{stem(key)}{CONFIG}"


def stem(key: Key) -> str:
    """What the change log calls it, and its Redis keys begin with. TRIGGER_KEY says the same in SQL."""
    owner, name = key
    return f"personality:{'global' if owner is None else owner}:{name}"


def plain(key: str, key_prefix: str, version: int) -> str:
    """Django's KEY_FUNCTION: the key as the code says it, behind REDIS_KEY_PREFIX, which is empty unless set."""
    return f"{key_prefix}{key}"


def pattern(name: str | None = None) -> str:
    """A glob for SCAN that finds the keys of `name`, or of all, and may find others: check with `is_ours`."""
    return f"personality:*:{name}:*" if name else "personality:*"


def is_ours(text: str) -> bool:
    return key_of(text) is not None


def key_of(text: str) -> Key | None:
    """Whose copy lies under the Redis key `text`; None when it is none of ours."""
    prefix = settings.REDIS_KEY_PREFIX
    match = OURS.fullmatch(text.removeprefix(prefix)) if text.startswith(prefix) else None
    return (None if match[1] == "global" else int(match[1]), match[2]) if match else None
