"""DATABASE_URL: what it has to be, including all that libpq and Django read after `?`.

Raises ImproperlyConfigured, which names the variable and never quotes the URL: it contains a password.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError, pq
from psycopg.conninfo import make_conninfo, timeout_from_conninfo

RULE = "not postgresql://USER:PASSWORD@HOST:PORT/NAME. In a password # / ? @ [ and ] are written %23 and so on."
MAX_NAME = 63  # characters; PostgreSQL's
# Django's options after `?`, as its setting would hold them. The pool and the isolation level are ours regardless.
SWITCH = {"True", "False"}
DJANGO_OPTIONS: dict[str, set[str] | None] = {
    "assume_role": None,  # any
    "isolation_level": {*"1234"},
    "pool": SWITCH,
    "server_side_binding": SWITCH,
}
# libpq reads its parameters only once it begins to connect: here to this machine, without waiting for an answer.
NOWHERE = {"host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": "1"}
PLACE = re.compile(r"connection to server at \S+ port \d+ failed: ")


def checked_database_url(url: str) -> dj_database_url.DBConfig:
    """DATABASE_URL as Django's database setting. Refuses what libpq would refuse at every connection."""
    database = _parsed(url)
    options = database.get("OPTIONS", {})
    if database["ENGINE"] != "django.db.backends.postgresql":
        raise _wrong("PostgreSQL is the only database supported")
    if not (database["NAME"] or "service" in options):
        raise _wrong("names no database after the host")
    if len(database["NAME"]) > MAX_NAME:
        raise _wrong(f"the name of the database is longer than {MAX_NAME} characters")
    _check_places(options.get("host", database["HOST"]), str(options.get("port", database["PORT"])))
    _check_django_options(options)
    _check_parameters({name: value for name, value in options.items() if name not in DJANGO_OPTIONS})
    return database


def _wrong(reason: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"DATABASE_URL: {reason}")


def _parsed(url: str) -> dj_database_url.DBConfig:
    try:
        url.encode()  # no lone surrogates, from bytes that are not text
        if re.search(r"\0|%00|^\w+://[^/?#]*:0+([/?#]|$)", url):  # neither NUL nor port 0, which Django takes for none
            raise ValueError
        return dj_database_url.parse(_hosts_as_parameters(url), conn_health_checks=True)
    except ValueError:  # whose message may contain the password
        raise _wrong(RULE) from None


def _check_places(hosts: str, ports: str) -> None:
    """Each port is a number, or left out; there is one for all hosts, or one for each."""
    given = ports.split(",")
    are_ports = all(not port or (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536) for port in given)
    if not are_ports or len(given) not in {1, len(hosts.split(","))}:
        raise _wrong("the ports are not numbers up to 65535, one for all hosts or one for each")


def _check_django_options(options: Mapping[str, object]) -> None:
    for name, value in options.items():
        if isinstance(value, list):
            raise _wrong(f"{name[:100]!r} stands there twice")
        if (known := DJANGO_OPTIONS.get(name)) and str(value) not in known:
            raise _wrong(f"{name} is none of {', '.join(sorted(known)).lower()}")


def _check_parameters(options: Mapping[str, str]) -> None:
    """What follows `?` goes to libpq, but for what is Django's."""
    try:
        timeout_from_conninfo({**options})
        error = _error_of_libpq(options)
    except ProgrammingError as refusal:
        error = str(refusal)
    if error and error != _error_of_libpq({}):
        raise _wrong(" ".join(PLACE.sub("", error).split())[:300])


def _error_of_libpq(options: Mapping[str, str]) -> str:
    """What libpq says when it begins to connect with these. A missing Kerberos ticket is not their fault."""
    if "conninfo" in options:
        raise ProgrammingError('invalid connection option "conninfo"')
    kerberos = {"gssencmode": "prefer"} if options.get("gssencmode") == "require" else {}
    begun = pq.PGconn.connect_start(make_conninfo(**{**options, **NOWHERE, **kerberos}).encode())
    error = begun.get_error_message() if begun.status == pq.ConnStatus.BAD else ""
    begun.finish()
    return error


def _hosts_as_parameters(url: str) -> str:
    """Rewrite `…@a:1,b:2/NAME` as `…@/NAME?host=a,b&port=1,2`, which libpq takes as well, and urlsplit too."""
    found = re.fullmatch(r"(\w+://(?:[^/?#]*@)?)([^/?#@]+,[^/?#@]+)(/[^?#]*)\??(.*)", url)
    pairs = [re.fullmatch(r"(\[.*\]|[^:]*)(?::(\d*))?", host) for host in found[2].split(",")] if found else []
    if not found or not any(pair and pair[2] for pair in pairs[:-1]):  # one port for all needs no rewriting
        return url
    hosts, ports = zip(*(pair.groups("") for pair in pairs if pair), strict=True)
    places = urlencode({"host": re.sub(r"[][]", "", ",".join(hosts)), "port": ",".join(ports)})
    return f"{found[1]}{found[3]}?{places}&{found[4]}" if all(pairs) else url
