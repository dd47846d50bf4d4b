"""Checks for environment variables that take more than a type: where secrets go, and what must not be shown.

Every function raises ImproperlyConfigured, which names the variable. DATABASE_URL, REDIS_URL and LLM_… have modules of
their own.
"""

import os
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError, validate

from companion.env_files import EnvFileError, load_env_file, shown
from companion.env_files import secret as read_secret

# Of a page, or of an app or extension, which have schemes of their own; without the scheme's default port.
ORIGIN = re.compile(
    r"(?!http://.*[^:]:80$|https://.*[^:]:443$)[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?"
)
ZONE = re.compile("%[^/]*")  # of an IPv6 address: fe80::1%eth0
CONTENT_PARTS = ("text", "image_url", "input_audio", "file", "video_url")
OPTIONAL_APPS = {"preferences": (), "conversations": (), "chat": ("preferences", "conversations")}  # by what each needs
KEY_RULE = "too easy to guess for HTTPS_ONLY: 50 random characters or more, as of `openssl rand -base64 48`"


@contextmanager
def exit_if_misconfigured() -> Iterator[None]:
    """Exit with code 1 and one line on standard error, instead of a traceback, if a setting is missing or wrong."""
    try:
        yield
    except (ImproperlyConfigured, EnvError) as error:
        sys.exit(f"companion: {error}")


def load_dotenv(file: Path) -> None:
    """Add the variables of `file`, or of COMPANION_ENV_FILE, to the environment, which wins."""
    try:
        load_env_file(file)
    except EnvFileError as error:
        raise ImproperlyConfigured(str(error)) from None


class Variables:
    """Environment variables by type. Spaces around a value and the case of words do not matter; empty means not set."""

    def __init__(self) -> None:
        self._env = Env()

    def text(self, name: str, default: str = "") -> str:
        """A text as it is, which may be empty, without surrounding spaces."""
        return self._env.str(name, default).strip()

    def filled(self, name: str, default: str) -> str:
        """A text that cannot be empty."""
        return self.text(name) or default

    def names(self, name: str, default: str) -> list[str]:
        """A list of our own keywords, which may be empty."""
        return names_by_commas(self.text(name, default).lower())

    def choice(self, name: str, *choices: str) -> str:
        """One of `choices`, by default the first."""
        return self._env.str(_tidied(name), choices[0], validate=validate.OneOf(choices))

    def log_level(self, name: str, default: int) -> int:
        """A level of logging."""
        return self._env.log_level(_tidied(name), default)

    def bool(self, name: str, default: bool) -> bool:
        """True or false."""
        return self._env.bool(_tidied(name), default)

    def int(self, name: str, default: int, check: Callable[[int], int]) -> int:
        """A whole number."""
        return self._env.int(_tidied(name), default, validate=check)

    def float(self, name: str, default: float, check: Callable[[float], float]) -> float:
        """A number."""
        return self._env.float(_tidied(name), default, validate=check)


def _tidied(name: str) -> str:
    """The name of a variable, which from now on is not set if it was empty."""
    if value := os.environ.pop(name, "").strip().lower():
        os.environ[name] = value
    return name


def secret(name: str, default: str | None = None) -> str:
    """A secret from the variable `name` or the file that NAME_FILE names. Without a `default` it is required."""
    try:
        value = read_secret(name)
    except EnvFileError as error:
        raise ImproperlyConfigured(str(error)) from None
    if value and not value.isspace():
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name}: not set")
    return default


def require_secrets(*names: str) -> None:
    """Refuse to start without these, naming all that are missing."""
    if missing := [name for name in names if not secret(name, "")]:
        raise ImproperlyConfigured(f"{', '.join(missing)}: required, but not set")


def checked_secret_key(key: str, *, https_only: bool) -> str:
    """SECRET_KEY, by the rules of Django's check. A short one is good enough to try it without HTTPS."""
    is_weak = len(key) < 50 or len({*key}) < 5 or key.startswith("django-insecure-")
    if https_only and is_weak:
        raise ImproperlyConfigured(f"SECRET_KEY: {KEY_RULE}")
    if re.search("[\ud800-\udfff]", key):
        raise ImproperlyConfigured("SECRET_KEY: not text in UTF-8")
    return key


def checked_key_prefix(prefix: str) -> str:
    """REDIS_KEY_PREFIX. Refuses what nobody could type in redis-cli."""
    if len(prefix) > 200 or not prefix.isprintable():
        raise ImproperlyConfigured("REDIS_KEY_PREFIX: longer than 200 characters, or with a character to control")
    return prefix


def names_by_commas(value: str) -> list[str]:
    """The names in a comma-separated list, without surrounding spaces and without empty ones."""
    return [name.strip() for name in value.split(",") if name.strip()]


def checked_hosts(value: str) -> list[str]:
    """ALLOWED_HOSTS. Refuses what would never match: a host is named without scheme, port and path."""
    hosts = names_by_commas(value)
    if wrong := [host for host in hosts if re.search(r"""[^!-~]|["'/]|.\*|\*.|[^:]:\d+$|\]:""", host)]:
        reason = "not the name of a host, or .example.com for all below it"
        raise ImproperlyConfigured(f"ALLOWED_HOSTS: {reason}: {wrong[0][:100]!a}")
    return hosts


def checked_origins(value: str) -> list[str]:
    """CSRF_TRUSTED_ORIGINS. Refuses what no browser sends as an origin."""
    origins = names_by_commas(value)
    if wrong := [origin for origin in origins if not _is_trusted_origin(origin)]:
        raise ImproperlyConfigured(f"CSRF_TRUSTED_ORIGINS: not http:// or https:// and a host: {wrong[0][:100]!a}")
    return origins


def _is_trusted_origin(text: str) -> bool:
    with suppress(ValueError):  # an invalid port or address
        return bool(re.fullmatch(r"""https?://[^/\s"'?#@]+""", text)) and urlsplit(text).port != 0
    return False


def checked_cors_origins(value: str) -> frozenset[str]:
    """CORS_ALLOWED_ORIGINS. Refuses what no browser sends as the origin of a page, and patterns."""
    origins = names_by_commas(value)
    if wrong := [origin for origin in origins if not ORIGIN.fullmatch(origin)]:
        reason = "not an origin as browsers send it, in full: https://app.example or http://localhost:3000"
        raise ImproperlyConfigured(f"CORS_ALLOWED_ORIGINS: {reason}: {wrong[0][:100]!a}")
    return frozenset(origins)


def checked_networks(value: str) -> list[IPv4Network | IPv6Network]:
    """TRUSTED_PROXIES: addresses, networks, and `unix` for a Unix socket. As `rest.client_address` reads peers: without
    a zone, and IPv4 within IPv6 as IPv4.
    """
    networks = []
    for name in names_by_commas(value):
        try:
            networks.append(_unmapped(ip_network("0.0.0.0/32" if name.lower() == "unix" else ZONE.sub("", name))))
        except ValueError:
            message = f"TRUSTED_PROXIES: not an address, a network such as 10.0.0.0/8, or unix: {name[:100]!a}"
            raise ImproperlyConfigured(message) from None
    return networks


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((int(mapped), network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def checked_key(name: str, key: str) -> str:
    """A key that goes into a header. Refuses what no header takes, without showing it."""
    if not re.fullmatch(r"[!-~]*", key):
        raise ImproperlyConfigured(f"{name}: contains a blank, a line end or another character that no key has")
    return key


def checked_apps(names: Collection[str]) -> list[str]:
    """COMPANION_APPS, each once, before those that need it. Refuses unknown names and apps without what they need."""
    apps = {*names}
    if unknown := apps - OPTIONAL_APPS.keys():
        known = ", ".join(OPTIONAL_APPS)
        raise ImproperlyConfigured(f"COMPANION_APPS: unknown: {shown(', '.join(sorted(unknown)))}; known: {known}")
    for app in apps:
        if missing := [need for need in OPTIONAL_APPS[app] if need not in apps]:
            raise ImproperlyConfigured(f"COMPANION_APPS: {app} requires {' and '.join(missing)}")
    return [app for app in OPTIONAL_APPS if app in apps]


def checked_content_parts(kinds: list[str]) -> list[str]:
    """LLM_CONTENT_PARTS. Refuses kinds of parts that no server knows."""
    if unknown := sorted({*kinds} - {*CONTENT_PARTS}):
        raise ImproperlyConfigured(
            f"LLM_CONTENT_PARTS: unknown: {shown(', '.join(unknown))}; known: {', '.join(CONTENT_PARTS)}"
        )
    return kinds


def checked_parameters(names: list[str]) -> list[str]:
    """LLM_EXTRA_PARAMETERS. Refuses what cannot be a parameter's name."""
    if wrong := [name for name in names if not re.fullmatch("[a-z][a-z0-9_]{0,63}", name, re.IGNORECASE)]:
        raise ImproperlyConfigured(
            f"LLM_EXTRA_PARAMETERS: not the name of a parameter, such as top_k: {wrong[0][:100]!a}"
        )
    return names
