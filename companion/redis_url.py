"""REDIS_URL, taken apart so that its password never stands where pages and logs would show it."""

from urllib.parse import unquote, urlsplit


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """Return the URL without credentials, the user name and the password, each None where the URL has none."""
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None, None
    username, _, password = credentials.partition(":")
    return parts._replace(netloc=host).geturl(), unquote(username) or None, unquote(password) or None
