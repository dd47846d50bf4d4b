"""One spelling for every name: what the model stores, the API and the admin accept, and cache keys are made of."""

import re
import unicodedata

MAX_LENGTH = 100
MAX_RAW_LENGTH = 400  # before normalising: a full-width letter may become several; nothing longer can be a name
NAME_PATTERN = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_LENGTH - 1}}}")
RESERVED = frozenset({"lint", "resolve"})  # taken by paths of the API
RULE = f"Use 1 to {MAX_LENGTH} letters a-z, digits, - and _, beginning with a letter or digit."


class InvalidName(ValueError):
    """The text cannot be the name of a personality. The message says what would be."""


def canonical(name: object) -> str:
    """Return the one spelling of `name`: NFKC, case folded, without surrounding spaces. Raises InvalidName."""
    if not isinstance(name, str):
        raise InvalidName(f"A name must be text, not {type(name).__name__}.")
    if len(name) > MAX_RAW_LENGTH:
        raise InvalidName(f"{len(name)} characters. {RULE}")
    # Only spaces are trimmed: a name with a newline or a tab in it is a mistake that its author should see.
    spelling = unicodedata.normalize("NFKC", name).casefold().strip(" ")
    if not NAME_PATTERN.fullmatch(spelling):
        raise InvalidName(RULE)
    if spelling in RESERVED:
        raise InvalidName(f"{spelling!r} is reserved.")
    return spelling


def no_active(name: str) -> str:
    """What is said where no active personality has `name`, of which 120 characters are repeated at most."""
    return f"No active personality is named {name!r:.120}."


def default_display_name(name: str) -> str:
    """What people see where the author says nothing: mary-jane becomes Mary Jane."""
    return name.replace("-", " ").replace("_", " ").title()
