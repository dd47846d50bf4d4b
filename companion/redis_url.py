"""REDIS_URL, taken apart so that its password never stands where pages and logs would show it."""

from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

SCHEMES = {"redis", "rediss", "unix"}
UNCLEAR = "not an address of Redis. In a password # / ? and @ are written %23 %2F %3F and %40."


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """Return the URL without credentials, the user name and the password, each None where the URL has none.

    Raises ImproperlyConfigured, without the URL in it: what cannot be understood may be part of a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or parts.fragment or not _has_a_port_or_none(parts):
        raise ImproperlyConfigured(f"REDIS_URL: {UNCLEAR}")
    credentials, _, host = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    query = dict(parse_qsl(parts.query))  # redis-py takes credentials there too
    username, password = query.pop("username", unquote(username)), query.pop("password", unquote(password))
    address = f"{parts.scheme}://{host}{parts.path}"
    return f"{address}?{urlencode(query)}" if query else address, username or None, password or None


def _has_a_port_or_none(parts: SplitResult) -> bool:
    try:
        _ = parts.port
    except ValueError:
        return False
    return True
