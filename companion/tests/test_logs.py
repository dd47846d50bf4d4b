"""Whatever a stranger sends costs one bounded line of log, and cannot pretend to be another one."""

import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from companion.handler import Handler
from companion.logs import MAX_LINE, MAX_MESSAGE, JsonFormatter, LineFormatter, Seldom, one_line
from companion.tests.asgi_client import HOST, AsgiClient, Headers, request
from rest.request_id import current
from tooling.processes import free_port

FORGED = "x\n2026-01-01 00:00:00,000 ERROR companion: all is lost\r\x1b[2J\x85\x9b\u2028\u2029\u202e\x00\x7f"
NAMES = ("companion", "django.request", "asyncio", "_granian")


@pytest.fixture
def logged() -> Iterator[Callable[[], list[str]]]:
    """Return a function that returns the lines written since, by the handler that settings.LOGGING made."""
    (handler,) = [found for found in logging.getLogger().handlers if isinstance(found.formatter, LineFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    stream = StringIO()
    before = handler.setStream(stream)
    yield lambda: stream.getvalue().removesuffix("\n").split("\n")
    handler.setStream(before)


@pytest.mark.parametrize("name", NAMES)
def test_log__control_characters_in_a_message__one_line_without_them(
    logged: Callable[[], list[str]], name: str
) -> None:
    logging.getLogger(name).error("Got %s.", FORGED)
    (line,) = logged()
    assert line.isprintable()
    assert r"Got x\n2026-01-01" in line
    assert r"\r\x1b[2J\x85\x9b\u2028\u2029\u202e\x00\x7f." in line


@pytest.mark.parametrize("character", "\u200b\u200e\u200f\u061c\ufeff\u00ad\U000e0041\u2066\ud800")
def test_log__character_that_nobody_sees__escaped(character: str) -> None:
    assert one_line(f"a{character}é 語", 99) == "a" + character.encode("unicode_escape").decode() + "é 語"


def test_log__long_message__cut_with_both_ends(logged: Callable[[], list[str]]) -> None:
    logging.getLogger("companion").error("Begun %s ended.", "\x1b" * 100_000)
    (line,) = logged()
    assert len(line) <= MAX_MESSAGE
    assert "Begun" in line
    assert line.endswith(" ended.")


def test_log__exception__one_line_with_its_traceback(logged: Callable[[], list[str]]) -> None:
    try:
        raise ValueError(FORGED * 10_000 + "the end")
    except ValueError:
        logging.getLogger("companion").exception("Something broke.")
    (line,) = logged()
    assert len(line) <= MAX_LINE
    assert line.isprintable()
    assert "Something broke." in line
    assert "Traceback" in line
    assert line.endswith("the end")


@pytest.mark.django_db(transaction=True)
def test_log__too_many_fields__one_warning_without_traceback(
    logged: Callable[[], list[str]], ask: AsgiClient, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = [HOST]
    scope = request("/accounts/login/", [(b"host", HOST.encode())], query_string=b"a&" * 2000)
    assert ask(Handler(), scope).status == 400
    (line,) = logged()
    assert "WARNING" in line
    assert "Traceback" not in line


LONG = "/v1/" + "x" * 9_000
BOTH = [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")]
PREFLIGHT = [(b"origin", b"https://evil.example"), (b"access-control-request-method", b"POST")]
REFUSED = [
    (401, "Unauthorized: /v1/models", "/v1/models", []),
    (404, "Not Found: /v1/modells", "/v1/modells", []),
    (431, "Request Header Fields Too Large: /v1/models", "/v1/models", [(b"x-any", b"x" * 9_000)]),
    (431, "Request Header Fields Too Large: /api/", "/api/", [(b"cookie", b"x" * 9_000)]),
    (400, "Bad Request: /api/", "/api/", BOTH),
    (413, "Request Entity Too Large: /api/v1/archetypes/", "/api/v1/archetypes/", [(b"content-length", b"9" * 9)]),
    (415, "Unsupported Media Type: /livez", "/livez", [(b"content-type", b"text/plain; charset=x")]),
    (414, "Request-URI Too Long: /v1/xxx", LONG, []),
    (403, "Forbidden: /v1/models", "/v1/models", PREFLIGHT),
    (401, "Unauthorized: /metrics", "/metrics", []),  # by Django
]


@pytest.mark.apps("chat")
@pytest.mark.parametrize(("status", "message", "path", "headers"), REFUSED)
def test_log__refused_before_django_or_by_it__one_warning_with_its_id(
    logged: Callable[[], list[str]],
    application: Any,
    ask: AsgiClient,
    settings: Any,
    status: int,
    message: str,
    path: str,
    headers: Headers,
) -> None:
    settings.ALLOWED_HOSTS, settings.CORS_ALLOWED_ORIGINS = [HOST], {"https://app.example"}
    with in_json():
        given = [(b"host", HOST.encode()), (b"x-request-id", b"mine-1"), *headers]
        method = "OPTIONS" if status == 403 else "POST"
        assert ask(application, request(path, given, method=method)).status == status
    (line,) = logged()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["request_id"]) == ("WARNING", "django.request", "mine-1")
    assert entry["message"].startswith(message)
    assert len(line) < 2 * MAX_MESSAGE


@contextmanager
def in_json() -> Iterator[None]:
    """Lines are JSON meanwhile, as with LOG_FORMAT=json."""
    (handler,) = [found for found in logging.getLogger().handlers if isinstance(found.formatter, LineFormatter)]
    before = handler.formatter
    handler.setFormatter(JsonFormatter())
    yield
    handler.setFormatter(before)


def test_log__pool_cannot_connect__a_line_of_each_kind_in_ten_seconds(
    logged: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without PostgreSQL each of its threads says so once a second."""
    caplog.set_level(logging.WARNING, "psycopg.pool")  # commands that fail leave it at another
    logger = logging.getLogger("psycopg.pool")
    assert [type(each) for each in logger.filters] == [Seldom]
    monkeypatch.setattr(logger, "filters", [Seldom()])  # which other tests have not used
    failed, nowhere = threading.Event(), make_conninfo(host="127.0.0.1", port=free_port())
    with ConnectionPool(nowhere, min_size=4, reconnect_timeout=1, reconnect_failed=lambda _: failed.set(), open=False):
        assert failed.wait(10)
    lines = logged()
    assert len([line for line in lines if "error connecting" in line]) == 1
    assert len([line for line in lines if "reconnection attempt" in line]) == 1
    later = time.monotonic() + 10
    monkeypatch.setattr(time, "monotonic", lambda: later)
    logger.warning("error connecting in %r: %s", "pool", "100% refused")
    assert re.search(r"error connecting in 'pool': 100% refused \(\d+ such lines left out\)$", logged()[-1])


WITHOUT_FILES = """
import logging.config, os, resource
from companion.logs import logging_config

logging.config.dictConfig(logging_config("text", logging.INFO, []))
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
for number in range(1000):
    logging.getLogger("companion").error("Line\\n%d", number)
    logging.getLogger("_granian.callback").error("Application callable raised\\nTraceback")
"""


def test_log__no_descriptor_left__all_the_same_and_what_the_server_repeats_once() -> None:
    """Python reads what it needs to escape a line from a file."""
    command = [sys.executable, "-c", WITHOUT_FILES]
    written = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr.splitlines()
    assert len(written) == 1_001
    assert written[0].endswith(r"Line\n0")
    assert written[1].endswith(r"Application callable raised\nTraceback")


@pytest.mark.parametrize("length", [10, 100, 101, 5_000])
def test_one_line__any_length__within_the_bound(length: int) -> None:
    assert len(one_line("\n" * length, 100)) <= 100


def test_json__record_of_a_request__one_object_with_its_id() -> None:
    record = logging.LogRecord("companion", logging.WARNING, "", 0, "Got %s.", (FORGED,), None)
    record.created = 1e9
    token = current.set("mine-1")
    line = JsonFormatter().format(record)
    current.reset(token)
    entry = json.loads(line)
    assert line.isprintable()
    assert entry.pop("message").startswith(r"Got x\n2026-01-01 00:00:00,000 ERROR")
    expected = {"time": "2001-09-09T01:46:40.000+00:00", "level": "WARNING", "logger": "companion"}
    assert entry == expected | {"request_id": "mine-1"}


def test_json__exception_outside_a_request__its_traceback_within_bounds() -> None:
    try:
        raise ValueError(FORGED * 10_000 + "the end")
    except ValueError:
        record = logging.LogRecord("companion", logging.ERROR, "", 0, "x" * 100_000, (), sys.exc_info())
    line = JsonFormatter().format(record)
    entry = json.loads(line)
    assert line.isprintable()
    assert len(line) < 2 * MAX_LINE
    assert len(entry["message"]) <= MAX_MESSAGE
    assert entry["exception"].startswith("Traceback (most recent call last):\n")
    assert entry["exception"].endswith("the end")
    assert "request_id" not in entry


def test_one_line__lone_surrogate__escaped() -> None:
    """By itself: pytest-xdist cannot pass on what was logged with one."""
    assert one_line("a\ud800b", 100) == r"a\ud800b"
