"""Checks of the variables that say which language model's server is asked, and how: LLM_….

Every function raises ImproperlyConfigured, which names the variable and shows neither a URL nor what may be secret.
"""

import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

import msgspec
from django.core.exceptions import ImproperlyConfigured

from companion.env_files import shown
from companion.environment import names_by_commas
from personalities.config import LENGTHS, MODEL_PATTERN
from rest.metadata_addresses import is_metadata_host

Network = IPv4Network | IPv6Network
URL_RULE = (
    "https://HOST/PATH, or http:// and 127.0.0.1, [::1], localhost or what LLM_HTTP_HOSTS names; no user, no query, "
    "no fragment"
)
# Not of numbers alone: C's resolver takes 10.7 and 0x7f.1 for addresses.
NUMBERS = r"(?:\d+|0x[0-9a-f]*)(?:\.(?:\d+|0x[0-9a-f]*))*"
NAME = re.compile(rf"(\*\.)?(?!{NUMBERS}$)([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
MAX_URL = 2000  # characters
HOST = re.compile(r"[a-z0-9_.-]{1,253}")
IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+")
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}):[ \t]*([!-~](?:[ -~\t]*[!-~])?)[ \t\r]*")
MAX_HEADERS, MAX_HEADER_BYTES = 20, 8 * 1024  # of all together
OURS = {"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}  # fmt: skip


def checked_http_hosts(value: str) -> list[str | Network]:
    """LLM_HTTP_HOSTS: names in lower case, of which *.example means all below example, addresses and networks."""
    return [_http_host(name) for name in names_by_commas(value)]


def _http_host(text: str) -> str | Network:
    if NAME.fullmatch(name := text.lower()):
        return name
    try:
        return ip_network(text.strip("[]"))
    except ValueError:
        raise ImproperlyConfigured(f"LLM_HTTP_HOSTS: {_why_no_host(text)}: {text[:100]!a}") from None


def _why_no_host(text: str) -> str:
    with suppress(ValueError):
        return f"not a network, which is {ip_network(text, strict=False)}"
    return "not a name such as ollama or *.svc.cluster.local, an address, or a network such as 10.0.0.0/8"


def checked_url(url: str, http_hosts: Iterable[str | Network] = ()) -> str:
    """LLM_BASE_URL unchanged; empty stays empty. Users' messages and our API key go there and nowhere else.

    https anywhere, because a certificate proves who answers; http on this machine and to `http_hosts`, among which a
    network admits every name for now: see `networks_to_check`. Never where clouds serve a machine's secrets.
    """
    try:
        parts = urlsplit(url)
        is_valid = not url or (_is_plain(url, parts) and _is_safe(parts, [*http_hosts]))
    except ValueError:  # an invalid port or address
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"LLM_BASE_URL: {URL_RULE}")
    return url


def networks_to_check(url: str, http_hosts: Iterable[str | Network]) -> list[Network]:
    """The networks, one of which must contain what the host in `url` resolves to, at each connection.

    None over https, where a certificate proves who answers, and for a host that is itself named.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or _is_named(parts.hostname or "", http_hosts):
        return []
    return [each for each in http_hosts if not isinstance(each, str)]


def _is_plain(url: str, parts: SplitResult) -> bool:
    if parts.port == 0:  # raises ValueError for other invalid ports
        return False
    is_text = len(url) <= MAX_URL and url.isascii() and url.isprintable()
    return is_text and not any(mark in url for mark in " @?#\\")


def _is_host(parts: SplitResult) -> bool:
    """Whether it is a name or an address. Four numbers that are no address would be looked up as a name."""
    host = parts.hostname or ""
    if "[" in parts.netloc or IPV4.fullmatch(host):
        return _address(host) is not None
    with suppress(UnicodeError):  # a label is too long, or begins with xn-- and is invalid
        return bool(HOST.fullmatch(host.encode().decode("idna").encode("idna").decode()))
    return False


def _is_safe(parts: SplitResult, http_hosts: list[str | Network]) -> bool:
    host = parts.hostname or ""
    if not _is_host(parts) or is_metadata_host(host):
        return False
    return parts.scheme == "https" or (
        parts.scheme == "http" and (_is_named(host, http_hosts) or _may_be_in(host, http_hosts))
    )


def _is_named(host: str, http_hosts: Iterable[str | Network]) -> bool:
    """Whether it is this machine, or one of the names."""
    if host == "localhost" or ((address := _address(host)) and address.is_loopback):
        return True
    names, name = [each for each in http_hosts if isinstance(each, str)], host.rstrip(".").lower()
    return any(name.endswith(each[1:]) if each.startswith("*") else name == each for each in names)


def _may_be_in(host: str, http_hosts: Iterable[str | Network]) -> bool:
    """Whether it is an address in one of the networks, or a name that may lead there."""
    address, networks = _address(host), [each for each in http_hosts if not isinstance(each, str)]
    return bool(networks) if address is None else any(address in network for network in networks)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(host)
    return None


def checked_models(models: list[str], default: str) -> list[str]:
    """LLM_MODELS: what authors may choose besides LLM_MODEL, the `default`, which is checked too."""
    for variable, names in (("LLM_MODEL", [default] if default else []), ("LLM_MODELS", models)):
        if not all(re.search(MODEL_PATTERN, name) and len(name) <= LENGTHS["model"] for name in names):
            message = f"{variable}: names of at most {LENGTHS['model']} letters, digits or . _ : / @ + -"
            raise ImproperlyConfigured(message)
    if models and not default:
        raise ImproperlyConfigured("LLM_MODELS: requires LLM_MODEL")
    return models


def checked_ca_file(path: str) -> str:
    """LLM_CA_FILE: a file of certificates in PEM. Refuses one that cannot be used now rather than with each request."""
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except OSError as error:
        reason = (
            "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else f"cannot be read ({error.strerror})"
        )
        raise ImproperlyConfigured(f"LLM_CA_FILE: {shown(path)} {reason}") from None
    return path


def checked_headers(text: str, *, with_key: bool) -> dict[str, str]:
    """LLM_HEADERS: a JSON object, or a line for each header. Refuses what is no header, or ours, and shows no value.

    `with_key` says that LLM_API_KEY is set, which is sent as Authorization.
    """
    lines = _lines(text)
    pairs = [HEADER.fullmatch(line) for line in lines]
    if None in pairs or len(pairs) > MAX_HEADERS or sum(map(len, lines)) > MAX_HEADER_BYTES:
        most = f"at most {MAX_HEADERS} of {MAX_HEADER_BYTES} bytes"
        raise ImproperlyConfigured(f"LLM_HEADERS: neither a JSON object of texts nor lines of Name: value, {most}")
    headers = {found[1]: found[2] for found in pairs if found}
    names = [name.lower() for name in headers]
    ours = OURS | ({"authorization"} if with_key else set())
    if len({*names}) < len(lines) or not ours.isdisjoint(names):
        reason = "names a header twice, or one that Companion sets itself"
        raise ImproperlyConfigured(f"LLM_HEADERS: {reason}: {', '.join(sorted(ours))}")
    return headers


def _lines(text: str) -> list[str]:
    if not text.lstrip().startswith("{"):
        return [line for line in text.split("\n") if line.strip()]
    try:
        return [f"{name}: {value}" for name, value in msgspec.json.decode(text, type=dict[str, str]).items()]
    except (msgspec.DecodeError, RecursionError):
        return [""]
