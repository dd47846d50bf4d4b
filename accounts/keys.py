"""The text of an API key, `cpk_PREFIX_SECRET`: the prefix finds the row and may be shown; only its hash is stored."""

import hashlib
import re
import secrets
from functools import lru_cache

KEY_PATTERN = re.compile(r"cpk_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
PREFIX = slice(4, 12)  # where the prefix stands in a key
LENGTH = 56  # of every key
MAX_DIGESTS = 10_000  # remembered, of the keys that came last


def generate() -> str:
    """A new key. It has 256 random bits, too many to find by trying, so a plain SHA-256 of it is safe to store."""
    return f"cpk_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def prefix(key: str) -> str | None:
    """The public part of `key`, or None if the text does not look like a key."""
    match = KEY_PATTERN.fullmatch(key)
    return match[1] if match else None


@lru_cache(maxsize=MAX_DIGESTS)  # a key comes with thousands of requests, and hashing it takes a sixth of a hot read
def digest(key: bytes) -> bytes:
    """SHA-256 of the whole key, 32 bytes."""
    return hashlib.sha256(key).digest()
