"""Promise A2: callers who ask for much and read nothing do not keep others out."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, production_service
from tests.faults.history import pretty
from tests.promises import Figure
from tests.waiting import wait_until

CALLERS, CONNECTIONS, PIPELINED = 200, 32, 40
BUNDLE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"  # more than a megabyte
BAR = 15.0  # seconds


@pytest.fixture
def small_service(environment: Environment, tmp_path: Path) -> Iterator[Service]:
    """One that accepts few connections at a time."""
    key = environment.writer.ask("issue", count=1)[0]
    with production_service(environment, key, tmp_path, "--backpressure", str(CONNECTIONS)) as running:
        yield running


@contextmanager
def deaf_callers(service: Service, count: int) -> Iterator[None]:
    """Connections that ask again and again at once, and never read."""
    url = httpx.URL(service.url)
    requests = f"GET {BUNDLE} HTTP/1.1\r\nHost: {url.host}\r\n\r\n".encode() * PIPELINED
    with ExitStack() as ends:
        for _ in range(count):
            connection = ends.enter_context(socket.create_connection((url.host, url.port or 80), 20))
            connection.sendall(requests)
        yield


def answered_after(service: Service, seconds: float) -> float:
    """How long it takes until somebody else, who tries again and again, is answered three times in a row."""
    begun = time.monotonic()
    wait_until(lambda: all(is_answered(service) for _ in range(3)), seconds)
    return time.monotonic() - begun


def is_answered(service: Service) -> bool:
    with (
        suppress(httpx.HTTPError),
        httpx.Client(base_url=service.url, trust_env=False, verify=False, timeout=5) as client,
    ):
        return client.get("/livez").status_code == 200
    return False


def test_callers__who_never_read__keep_nobody_out_for_long(small_service: Service, figure: Figure) -> None:
    rounds = 3 if LONG else 1
    with ExitStack() as callers:
        took = []
        for _ in range(rounds):
            callers.enter_context(deaf_callers(small_service, CALLERS))
            took.append(answered_after(small_service, 60))
    figure(
        "A2",
        f"{CALLERS} callers who pipeline {PIPELINED} requests and never read; {CONNECTIONS} connections",
        f"others are answered again within {BAR:g} s",
        before="not within 100 s",
        measured=f"after {', '.join(map(pretty, took))}",
        met=max(took) <= BAR,
    )


def test_callers__who_read_slowly__get_all_of_it(small_service: Service) -> None:
    """Slower than others would have patience with who wait to be let in, as long as something is taken now and then."""
    url = httpx.URL(small_service.url)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        slow.settimeout(10)
        slow.connect((url.host, url.port))
        slow.sendall(f"GET {BUNDLE} HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\n\r\n".encode())
        with deaf_callers(small_service, CONNECTIONS + 10):
            received = 0
            while more := slow.recv(128 * 1024):
                received += len(more)
                time.sleep(0.2)
    assert received > 1_000_000
