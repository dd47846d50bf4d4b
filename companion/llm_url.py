"""LLM_BASE_URL, checked once: what callers say, and our key, go there and nowhere else."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

RULE = "https://HOST/PATH, or http:// and 127.0.0.1, [::1] or localhost; no user, no query, no fragment"


def checked(url: str) -> str:
    """The URL itself; nothing stays nothing. Raises ImproperlyConfigured, without it: there may be a secret in it.

    Over https nobody answers under another's name, wherever that leads; http is only for this machine.
    """
    try:
        parts = urlsplit(url)
        fits = not url or (_is_plain(url, parts) and _is_safe(parts.scheme, parts.hostname or ""))
    except ValueError:  # no port, no address
        fits = False
    if not fits:
        raise ImproperlyConfigured(f"LLM_BASE_URL: {RULE}")
    return url


def _is_plain(url: str, parts: SplitResult) -> bool:
    _ = parts.port
    return url.isascii() and url.isprintable() and " " not in url and not any(mark in url for mark in "@?#\\")


def _is_safe(scheme: str, host: str) -> bool:
    if scheme == "https":
        return bool(host) and not _is_link_local(host)
    return scheme == "http" and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_link_local(host: str) -> bool:
    """Where clouds tell machines their secrets."""
    try:
        return ip_address(host).is_link_local
    except ValueError:
        return False
