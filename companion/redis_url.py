"""REDIS_URL: its credentials, which go elsewhere, and the parameters of redis-py that make sense after `?`.

Raises ImproperlyConfigured, which names the variable and never quotes the URL: it may contain a password.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

from resilience.redis_pool import takes_address

SCHEMES = {"redis", "rediss", "unix"}
RULE = "not an address of Redis. In a password # / ? and @ are written %23 %2F %3F and %40."
HOST = re.compile(r"[a-z0-9_.-]{1,253}")
NO_DATABASE = "the number of the database, or a parameter after ?, is none that redis-py takes"


def _number(low: float, high: float) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,9})?", text)) and low <= float(text) <= high


def _whole(low: int, high: int) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch("[0-9]{1,10}", text)) and low <= int(text) <= high


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch(pattern, text, re.IGNORECASE))


SECONDS, SWITCH, WORD = _number(0.001, 3600), _matches("0|1|f|t|n|y|no|yes|false|true"), _matches("[!-~]{1,100}")
OURS = ("decode_responses", "encoding")  # addresses of other services have them; here answers are read in one way only
# By name, whether a value makes sense. redis-py takes more: objects that no text can be, and what it looks at only once
# it is connected.
PARAMETERS: dict[str, Callable[[str], bool]] = {
    "db": _whole(0, 2**31 - 1),
    "socket_timeout": SECONDS,
    "socket_connect_timeout": SECONDS,
    "socket_keepalive": SWITCH,
    "socket_read_size": _whole(1, 2**30),
    "retry_on_timeout": SWITCH,
    "health_check_interval": _whole(0, 10**9),
    "protocol": _whole(2, 3),
    "decode_responses": SWITCH,
    "encoding": _matches("utf-?8"),
    **dict.fromkeys(("client_name", "lib_name", "lib_version"), WORD),
    "ssl_cert_reqs": _matches("none|optional|required"),
    "ssl_check_hostname": SWITCH,
    **dict.fromkeys(("ssl_ca_certs", "ssl_ca_data", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"), bool),
    **dict.fromkeys(("ssl_ciphers", "ssl_min_version", "ssl_password"), bool),
    **dict.fromkeys(("ssl_exclude_verify_flags", "ssl_include_verify_flags"), bool),
}


def split_redis_url(url: str) -> tuple[str, str | None, str | None]:
    """REDIS_URL without credentials, the user name and the password; each of these None if the URL has none.

    Taken apart so that the password never stands where error pages and logs would show it.
    """
    parts = _parsed(url)
    credentials, _, host = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    query = dict(parse_qsl(parts.query))  # redis-py accepts credentials there too
    username, password = query.pop("username", unquote(username)), query.pop("password", unquote(password))
    _check_parameters(query)
    query = {name: value for name, value in query.items() if name not in OURS}
    address = f"{parts.scheme}://{host}{parts.path}" + (f"?{urlencode(query)}" if query else "")
    if not (_takes_database(parts, query) and takes_address(address)):
        raise ImproperlyConfigured(f"REDIS_URL: {NO_DATABASE}")
    return address, username or None, password or None


def _parsed(url: str) -> SplitResult:
    try:
        url.encode()  # no lone surrogates, from bytes that are not text
        parts = urlsplit(url)
        is_valid = parts.scheme in SCHEMES and not parts.fragment and (parts.port is None or parts.port > 0)
        is_valid = is_valid and _leads_somewhere(parts)
    except ValueError:  # an invalid port, text or address
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"REDIS_URL: {RULE}")
    return parts


def _leads_somewhere(parts: SplitResult) -> bool:
    """Whether there is a host or a path: without them redis-py would take this machine, or no path."""
    if parts.scheme == "unix":
        return bool(parts.path)
    host = unquote(parts.hostname or "")
    return "[" in parts.netloc or bool(HOST.fullmatch(host.encode("idna").decode().lower()))


def _check_parameters(query: Mapping[str, str]) -> None:
    for name, value in query.items():
        if not (makes_sense := PARAMETERS.get(name)):
            raise ImproperlyConfigured(f"REDIS_URL: the parameter {name[:100]!r} after ? is none that makes sense")
        if not makes_sense(value):
            raise ImproperlyConfigured(f"REDIS_URL: the value of {name} after ? makes no sense")


def _takes_database(parts: SplitResult, query: Mapping[str, str]) -> bool:
    """Whether the path is the number of a database, where it stands for one: redis-py takes 0 for anything else."""
    return parts.scheme == "unix" or "db" in query or bool(re.fullmatch("/*[0-9]{0,9}/*", parts.path))
