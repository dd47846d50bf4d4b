"""One spelling for every name: what the model stores, the API and admin accept, and keys are made of."""

import re
import unicodedata

SHAPE = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
MAX_LENGTH = 100
MAX_RAW_LENGTH = 400  # a name in full-width letters is longer before normalising; what is longer still is no name
RESERVED = frozenset({"lint", "resolve"})  # taken by paths of the API
RULE = "Use 1 to 100 letters a-z, digits, - and _, beginning with a letter or digit."


class InvalidName(ValueError):
    """The text cannot be the name of a personality. The message says what would be."""


def canonical(name: object) -> str:
    """Return the one spelling of `name`: NFKC, case folded, without surrounding spaces. Raises InvalidName."""
    if not isinstance(name, str):
        raise InvalidName(f"A name is text, not {type(name).__name__}.")
    if len(name) > MAX_RAW_LENGTH:
        raise InvalidName(f"{len(name)} characters. {RULE}")
    # Only spaces are trimmed: a name with a newline or a tab in it is a mistake that its author should see.
    spelling = unicodedata.normalize("NFKC", name).casefold().strip(" ")
    if not SHAPE.fullmatch(spelling):
        raise InvalidName(RULE)
    if spelling in RESERVED:
        raise InvalidName(f"{spelling!r} is reserved.")
    return spelling
