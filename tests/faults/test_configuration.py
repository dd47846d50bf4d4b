"""Configuration is forgiving in form, strict in meaning, and says what is wrong in a sentence."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.exceptions import ImproperlyConfigured

from companion.env_files import SECRETS
from companion.model_server import checked_url
from tests.faults.conftest import LONG
from tests.faults.environment import Environment, production_service
from tests.promises import Figure
from tooling.environment import ROOT

MANAGE = (sys.executable, "manage.py", "check")
GRANIAN = (sys.executable, "-m", "granian", "--interface", "asginl", "--port", "0", "companion.asgi:application")
GOOD_KEY = "abcdefghij" * 5
SOUND = {
    "COMPANION_ENV_FILE": os.devnull,
    "SECRET_KEY": GOOD_KEY,
    "DATABASE_URL": "postgresql://a:hidden@127.0.0.1:1/c",
    "PATH": os.environ["PATH"],
}
LLM = {"LLM_MODEL": "m", "LLM_BASE_URL": "https://llm.example/v1"}
# What is wrong, by the variable that the sentence must name; `hidden` must not be shown.
WRONG: list[tuple[str, dict[str, str]]] = [
    ("SECRET_KEY, DATABASE_URL", {"SECRET_KEY": "", "DATABASE_URL": ""}),
    ("SECRET_KEY", {"SECRET_KEY": "hidden"}),
    ("SECRET_KEY", {"SECRET_KEY": "django-insecure-hidden-" + GOOD_KEY}),
    ("SECRET_KEY", {"SECRET_KEY": "hid" * 20}),
    ("SECRET_KEY_FILE", {"SECRET_KEY": "", "SECRET_KEY_FILE": "/no/such/file"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://a:hid#den@b/c"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://a:hidden@b/c?bogus=1"}),
    ("REDIS_URL", {"REDIS_URL": "redis://:hidden@[::1/0"}),
    ("REDIS_URL", {"REDIS_URL": "redis://:hidden@h/0?socket_timeout=x"}),
    ("REDIS_URL", {"REDIS_URL": "redis://h/0?bogus=1"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://a:hidden@b/c?sslmode=bogus"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://a:hidden@b/c?keepalives=x"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://a:hidden@b/c?isolation_level=9"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://a:hidden@b:0/c"}),
    ("DATABASE_POOL_SIZE", {"DATABASE_POOL_SIZE": "9" * 20}),
    ("REDIS_URL", {"REDIS_URL": "redis://:hidden@h/0?protocol=9"}),
    ("REDIS_URL", {"REDIS_URL": "redis://:hidden@h/0?socket_timeout=-1"}),
    ("REDIS_URL", {"REDIS_URL": "redis://:hidden@h/0?retry=x"}),
    ("REDIS_URL", {"REDIS_URL": "rediss://:hidden@h/0?ssl_cert_reqs=bogus"}),
    ("REDIS_URL", {"REDIS_URL": "redis://"}),
    ("LLM_API_KEY", LLM | {"LLM_API_KEY": "sk-hidden\nX: y"}),
    ("LLM_BASE_URL", LLM | {"LLM_BASE_URL": "https://hidden@169.254.169.254"}),
    ("LLM_BASE_URL", LLM | {"LLM_BASE_URL": "https://[v1.a]/v1"}),
    ("LLM_BASE_URL", LLM | {"LLM_BASE_URL": "https://h:0"}),
    ("LLM_BASE_URL", LLM | {"LLM_BASE_URL": "http://ollama/v1", "LLM_HTTP_HOSTS": "vllm"}),
    ("LLM_MODEL", LLM | {"LLM_MODEL": ""}),
    ("LLM_HTTP_HOSTS", LLM | {"LLM_HTTP_HOSTS": "http://ollama"}),
    ("LLM_CA_FILE", LLM | {"LLM_CA_FILE": "/no/such/file"}),
    ("LLM_HEADERS", LLM | {"LLM_HEADERS": "X-Gateway hidden"}),
    ("LLM_HEADERS_FILE", LLM | {"LLM_HEADERS_FILE": "/no/such/file"}),
    ("CORS_ALLOWED_ORIGINS", {"CORS_ALLOWED_ORIGINS": "*"}),
    ("DEBUG", {"DEBUG": "perhaps"}),
    ("DATABASE_SECONDS", {"DATABASE_SECONDS": "5 seconds"}),
    ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "https://companion.example"}),
    ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": "nginx"}),
    ("CHAT_RATE", {"CHAT_RATE": "often"}),
    ("HSTS_SECONDS", {"HSTS_SECONDS": "a year"}),
    ("COMPANION_APPS", {"COMPANION_APPS": "chat"}),
    ("COMPANION_ENV_FILE", {"COMPANION_ENV_FILE": "/no/such/file"}),
]


class Refusal(NamedTuple):
    """How a start ended."""

    command: str
    code: int
    errors: str

    def is_plain(self, variable: str) -> bool:
        """Whether it was one sentence that names the variable and shows no value."""
        return (
            self.code == 1
            and self.errors.startswith("companion: ")
            and self.errors.count("\n") == 1
            and variable in self.errors
            and "hid" not in self.errors
        )


def start(command: tuple[str, ...], variables: dict[str, str]) -> Refusal:
    env = SOUND | variables
    try:
        ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return Refusal(command[-1], 0, "It has started.")
    return Refusal(command[-1], ended.returncode, ended.stderr)


@pytest.mark.timeout(300)
def test_start__wrong_values__one_sentence(figure: Figure) -> None:
    """In the short form the commands take turns."""
    commands = [MANAGE, GRANIAN]
    cases = [(which, command) for which in WRONG for command in commands] if LONG else [
        (which, commands[number % 2]) for number, which in enumerate(WRONG)
    ]  # fmt: skip
    with ThreadPoolExecutor(3) as pool:
        refusals = list(pool.map(lambda case: start(case[1], case[0][1]), cases))
    wrong = [(name, found) for ((name, _), _), found in zip(cases, refusals, strict=True) if not found.is_plain(name)]
    figure(
        "C18",
        f"{len(cases)} starts of manage.py and granian with a variable that is missing or wrong",
        "one sentence with its name, no traceback, no secret",
        before="tracebacks of 20 to 60 lines; a key of one letter was taken",
        measured=f"{len(cases) - len(wrong)} such sentences",
        met=not wrong,
        why="\n".join(map(str, wrong)),
    )


def dotenv(environment: Environment, folder: Path) -> Path:
    """Write `.env` in every form that people use, with all secrets in files beside it; return it."""
    values = {"LLM_API_KEY": "sk-key", "LLM_HEADERS": "X-Gateway: a key"} | environment.variables
    values = {name: values[name] for name in SECRETS}
    for number, name in enumerate(SECRETS):
        (folder / name).write_bytes(values[name].encode() + (b"\n", b"\r\n", b"")[number % 3])
    lines = [
        "# Companion",
        "",
        *(f"export {name}_FILE='{folder / name}'  # a file" for name in SECRETS),
        'ALLOWED_HOSTS = " a.example , companion.example,, 127.0.0.1 "',
        "CSRF_TRUSTED_ORIGINS=https://a.example, https://*.b.example  # two",
        "TRUSTED_PROXIES='10.0.0.0/8, unix'",
        "HTTPS_ONLY=False",
        "  COMPANION_APPS = preferences, conversations , chat",
        "CHAT_RATE='30/minute'",
        'CHAT_BACKEND="console"',
        "REDIS_KEY_PREFIX=",
    ]
    file = folder / "companion.env"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    return file


SHOW = """
from django.conf import settings as s
print([s.ALLOWED_HOSTS, s.CSRF_TRUSTED_ORIGINS, len(s.TRUSTED_PROXIES), s.LLM_API_KEY, s.CHAT_RATE[0], s.HTTPS_ONLY])
"""
SHOWN = [["a.example", "companion.example", "127.0.0.1"], ["https://a.example", "https://*.b.example"], 2, "sk-key",
         30, False]  # fmt: skip


def test_start__every_form_of_a_file__understood(environment: Environment, tmp_path: Path, figure: Figure) -> None:
    file = dotenv(environment, tmp_path)
    bare = copy(environment)
    bare.variables = {"PATH": os.environ["PATH"], "COMPANION_ENV_FILE": str(file)}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c", SHOW]
    shown = subprocess.run(command, env=bare.variables, cwd=ROOT, capture_output=True, text=True, timeout=60)
    with production_service(bare, "nobody", tmp_path) as service:
        ready = service.get("/readyz").response
    figure(
        "C18",
        "manage.py and granian with nothing but a file: BOM, CRLF, comments, export, quotes, blanks, NAME_FILE",
        "the values that are meant; ready",
        before="refused, or hosts with blanks and keys with line ends",
        measured=f"{shown.stdout.strip()}, {ready.status_code}",
        met=shown.stdout.strip() == str(SHOWN) and ready.status_code == 200 and ready.json()["redis"] == "ok",
        why=shown.stderr + ready.text,
    )


METADATA = ("169.254.169.254", "169.254.170.2", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192")
OTHERS = (
    *("fe80::1", "fe80::a9fe:a9fe", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
    *("fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200"),
)
NAMES = ("metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal")
EMBEDDED = ("::ffff:", "::", "::ffff:0:", "64:ff9b::")


def as_ipv4(address: str) -> Iterator[str]:
    """Yield the spellings of C's resolver: one to four numbers, each decimal, hexadecimal or octal."""
    number = int(IPv4Address(address))
    octets = [*IPv4Address(address).packed]
    yield address
    for show in ("{}", "0x{:x}", "0X{:X}", "0x0000{:x}", "0{:o}", "000{:o}"):
        parts = [octets, [*octets[:2], number & 0xFFFF], [octets[0], number & 0xFFFFFF], [number]]
        yield from (".".join(map(show.format, part)) for part in parts)
        yield ".".join([show.format(octets[0]), *map(str, octets[1:])])


def as_ipv6(address: str) -> Iterator[str]:
    """Yield the spellings of an IPv4 address within IPv6."""
    high, low = divmod(int(IPv4Address(address)), 1 << 16)
    for prefix in EMBEDDED:
        yield from (f"[{prefix}{high:x}:{low:x}]", f"[{prefix.upper()}{address}]")
    yield from (f"[2002:{high:x}:{low:x}::]", f"[2002:{high:x}:{low:x}:0:0:0:0:1]", f"[64:ff9b:1::{high:x}:{low:x}]")
    for bits in (48, 56, 64):  # of the prefix: by RFC 6052 the ninth octet stays free
        before = int(IPv6Address("64:ff9b:1::")) >> 64 << 56 | (high << 16 | low) << (88 - bits)
        yield f"[{IPv6Address(before >> 56 << 64 | before & (1 << 56) - 1)}]"


def spellings() -> Iterator[str]:
    """Yield every spelling of every address at which clouds serve a machine's secrets."""
    for address in METADATA:
        yield from (spelled + dot for spelled in as_ipv4(address) for dot in ("", "."))
        yield from as_ipv6(address)
    for address in OTHERS:
        long = IPv6Address(address).exploded
        yield from (f"[{spelled}{zone}]" for spelled in (address, long, long.upper()) for zone in ("", "%25eth0"))
    yield from (spelled + dot for name in NAMES for spelled in (name, name.upper(), name.title()) for dot in ("", "."))


def is_taken(url: str) -> bool:
    with suppress(ImproperlyConfigured):
        return checked_url(url) == url
    return False


def test_llm_url__metadata_in_any_spelling__refused(figure: Figure) -> None:
    urls = [
        f"{scheme}://{host}{rest}" for host in spellings() for scheme in ("https", "http") for rest in ("", ":8443/v1")
    ]
    taken = [url for url in urls if is_taken(url)]
    neighbours = [
        f"https://{host}/v1" for host in ("169.253.169.254", "[fd00:ec2::253]", "metadata.example", "10.0.0.7")
    ]
    figure(
        "A9",
        f"{len(urls):,} spellings of link-local and metadata addresses as LLM_BASE_URL",
        "all refused; their neighbours are not",
        before="634 taken: as 6to4 or NAT64, or other clouds' over IPv6",
        measured=f"{len(taken)} taken",
        met=not taken and all(map(is_taken, neighbours)),
        why="\n".join(taken[:20]),
    )
