"""The headers of an ASGI request, read in one way by all that stand before Django and as Django itself reads them."""

from collections.abc import Iterable


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """By name, in lower case; values of one that stands there several times are joined with commas, as in Django."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = b",".join((found[name], value)) if name in found else value
    return found
