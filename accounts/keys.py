"""The text of an API key: `cpk_PREFIX_SECRET`. The prefix finds the row and may be shown; the whole is kept hashed."""

import hashlib
import re
import secrets

SHAPE = re.compile(r"cpk_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
PREFIX = slice(4, 12)  # where it stands in a key


def generate() -> str:
    """A new key with 256 random bits: enough that a plain SHA-256 of it cannot be searched."""
    return f"cpk_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def prefix(key: str) -> str | None:
    """The public part of `key`, or None when the text has not the shape of a key."""
    match = SHAPE.fullmatch(key)
    return match[1] if match else None


def digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
