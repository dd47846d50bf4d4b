"""LLM_BASE_URL, checked once: what callers say, and our key, go there and nowhere else."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import inet_aton
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

RULE = "https://HOST/PATH, or http:// and 127.0.0.1, [::1] or localhost; no user, no query, no fragment"

WITH_IPV4_INSIDE = [ip_network(text) for text in ("::ffff:0:0/96", "::/96", "64:ff9b::/96")]


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
    """Where clouds tell machines their secrets, in whatever spelling a resolver takes."""
    address = _address(host.rstrip("."))
    if isinstance(address, IPv6Address) and any(address in network for network in WITH_IPV4_INSIDE):
        address = IPv4Address(address.packed[-4:])
    return address is not None and address.is_link_local


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """None for a name. 0xa9fea9fe is an address too, as it ever was in C."""
    with suppress(ValueError):
        return ip_address(host)
    with suppress(OSError):
        return IPv4Address(inet_aton(host))
    return None
