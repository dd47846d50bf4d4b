"""Checks for environment variables that take more than a type: where secrets go, and what must not be shown.

Every function raises ImproperlyConfigured, which names the variable and never quotes a URL: it may contain a password.
"""

import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import inet_aton
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

from personalities.config import LENGTHS, MODEL_PATTERN

REDIS_SCHEMES = {"redis", "rediss", "unix"}
REDIS_RULE = "not an address of Redis. In a password # / ? and @ are written %23 %2F %3F and %40."
LLM_RULE = "https://HOST/PATH, or http:// and 127.0.0.1, [::1] or localhost; no user, no query, no fragment"
OPTIONAL_APPS = {"preferences": (), "conversations": (), "chat": ("preferences", "conversations")}  # by what each needs
IPV4_IN_IPV6 = [ip_network(text) for text in ("::ffff:0:0/96", "::/96", "64:ff9b::/96")]


def checked_apps(names: list[str]) -> list[str]:
    """COMPANION_APPS, each app once and below what needs it. Refuses unknown names and apps without what they need."""
    apps = {name.strip() for name in names if name.strip()}
    if unknown := apps - OPTIONAL_APPS.keys():
        known = ", ".join(OPTIONAL_APPS)
        raise ImproperlyConfigured(f"COMPANION_APPS: unknown: {', '.join(sorted(unknown))}; known: {known}")
    for app in apps:
        if missing := [need for need in OPTIONAL_APPS[app] if need not in apps]:
            raise ImproperlyConfigured(f"COMPANION_APPS: {app} requires {' and '.join(missing)}")
    return [app for app in OPTIONAL_APPS if app in apps]


def split_redis_url(url: str) -> tuple[str, str | None, str | None]:
    """REDIS_URL without credentials, the user name and the password; each of these None if the URL has none.

    Taken apart so that the password never stands where error pages and logs would show it.
    """
    parts = urlsplit(url)
    if parts.scheme not in REDIS_SCHEMES or parts.fragment or not _has_valid_port(parts):
        raise ImproperlyConfigured(f"REDIS_URL: {REDIS_RULE}")
    credentials, _, host = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    query = dict(parse_qsl(parts.query))  # redis-py accepts credentials there too
    username, password = query.pop("username", unquote(username)), query.pop("password", unquote(password))
    address = f"{parts.scheme}://{host}{parts.path}"
    return f"{address}?{urlencode(query)}" if query else address, username or None, password or None


def checked_llm_models(names: list[str], default: str) -> list[str]:
    """LLM_MODELS, stripped and without empty names: what authors may choose besides LLM_MODEL, the `default`."""
    models = [name.strip() for name in names if name.strip()]
    if not all(re.search(MODEL_PATTERN, name) and len(name) <= LENGTHS["model"] for name in models):
        raise ImproperlyConfigured(f"LLM_MODELS: names of at most {LENGTHS['model']} letters, digits or . _ : / @ + -")
    if models and not default:
        raise ImproperlyConfigured("LLM_MODELS: requires LLM_MODEL")
    return models


def checked_llm_url(url: str) -> str:
    """LLM_BASE_URL unchanged; empty stays empty. Users' messages and our API key go there and nowhere else.

    https anywhere, because a certificate proves who answers, except link-local addresses; http only on this machine.
    """
    try:
        parts = urlsplit(url)
        is_valid = not url or (_is_plain(url, parts) and _is_safe(parts.scheme, parts.hostname or ""))
    except ValueError:  # a port or an address that is none
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"LLM_BASE_URL: {LLM_RULE}")
    return url


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        _ = parts.port
    except ValueError:
        return False
    return True


def _is_plain(url: str, parts: SplitResult) -> bool:
    _ = parts.port  # raises ValueError
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
    """Cloud providers serve a machine's secrets there. Recognized in every spelling that a resolver accepts."""
    address = _address(host.rstrip("."))
    if isinstance(address, IPv6Address) and any(address in network for network in IPV4_IN_IPV6):
        address = IPv4Address(address.packed[-4:])
    return address is not None and address.is_link_local


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """None for a name. C's resolver also takes 0xa9fea9fe for an address, so this does too."""
    with suppress(ValueError):
        return ip_address(host)
    with suppress(OSError):
        return IPv4Address(inet_aton(host))
    return None
