"""Callers who do nothing, or next to nothing, do not keep others out."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, production_service
from tests.faults.history import pretty
from tests.faults.slow_callers import BUNDLE, KINDS, slow_callers
from tests.promises import Figure

CALLERS, CONNECTIONS = 200 if LONG else 100, 32
OTHERS = 3  # who ask at a time
BAR = 15.0  # seconds
BEFORE = {
    "pipeline and never read": "not within 100 s",
    "pipeline and read 7 kB a second": "not within 40 s",
    "ask for little, again and again": "not within 40 s",
    "send nothing": "not within 45 s",
    "send headers byte by byte": "not within 45 s",
    "send a body byte by byte": "not within 60 s",
    "send a body at 20 kB a second": "53 s",
}


@pytest.fixture(scope="module")
def small_service(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that accepts few connections at a time."""
    key, folder = environment.writer.ask("issue", count=1)[0], tmp_path_factory.mktemp("small")
    with production_service(environment, key, folder, "--backpressure", str(CONNECTIONS)) as running:
        yield running


def seconds_until_answered(url: httpx.URL) -> float:
    """How long somebody else waits, who asks once; without end if that is cut off, or not answered in a minute."""
    begun = time.monotonic()
    try:
        with httpx.Client(base_url=url, trust_env=False, verify=False, timeout=60) as client:
            client.get("/livez").raise_for_status()
    except httpx.HTTPError:
        return float("inf")
    return time.monotonic() - begun


@pytest.mark.parametrize("kind", KINDS)
def test_callers__next_to_idle__keep_nobody_out_for_long(small_service: Service, figure: Figure, kind: str) -> None:
    url, took = httpx.URL(small_service.url), []
    for _ in range(3 if LONG else 1):
        with slow_callers(url, KINDS[kind], CALLERS), ThreadPoolExecutor(OTHERS) as others:
            took.append(max(others.map(seconds_until_answered, [url] * OTHERS)))
    figure(
        "A2",
        f"{CALLERS} callers who {kind}, and come back; {CONNECTIONS} connections",
        f"others are answered within {BAR:g} s",
        before=BEFORE.get(kind, ""),
        measured=f"the last of {OTHERS} after {', '.join(map(pretty, took))}",
        met=max(took) <= BAR,
    )


def test_callers__who_read_slowly__get_all_of_it(small_service: Service) -> None:
    """At about 300 kB a second, while others wait to be let in."""
    url = httpx.URL(small_service.url)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        slow.settimeout(10)
        slow.connect((url.host, url.port))
        slow.sendall(f"GET {BUNDLE} HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\n\r\n".encode())
        with slow_callers(url, KINDS["pipeline and never read"], CONNECTIONS + 10):
            received = 0
            while more := slow.recv(128 * 1024):
                received += len(more)
                time.sleep(0.2)
    assert received > 1_000_000
