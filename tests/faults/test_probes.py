"""Probes are answered however they ask, and tell a stranger nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

import httpx
import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, production_service
from tests.faults.history import pretty
from tests.faults.slow_callers import HOST, Kind, slow_callers
from tests.promises import Figure

pytestmark = pytest.mark.measures
PROBES = {"/livez": 200, "/readyz": 200, "/metrics": 401}  # with the status for a stranger
HOSTS = ("10.1.2.3:8000", "[fe80::1]", "evil.example")


def test_probes__by_address_over_http__answered(environment: Environment, tmp_path: Path, figure: Figure) -> None:
    key = environment.writer.ask("issue", count=1)[0]
    settings = {"ALLOWED_HOSTS": "companion.example", "HTTPS_ONLY": "true"}
    with production_service(environment, key, tmp_path, **settings) as service:
        with httpx.Client(base_url=service.url, trust_env=False) as stranger:
            told = {path: {stranger.get(path, headers={"Host": host}).status_code for host in HOSTS} for path in PROBES}
        scraped = {service.client.get("/metrics", headers={"Host": host}).status_code for host in HOSTS}
    figure(
        "C15",
        f"/livez, /readyz and /metrics over HTTP as {', '.join(HOSTS)}",
        "200, 200, and 401 or with a key 200",
        before="400, 400, 301",
        measured=f"{told}, with a key {scraped}",
        met=told == {path: {status} for path, status in PROBES.items()} and scraped == {200},
    )


CROWD = 3_000 if LONG else 1_000  # connections
ROUNDS = 5 if LONG else 2
BAR = 3.0  # seconds, for which Kubernetes waits
SESSION = f"Cookie: sessionid={'a' * 32}\r\n"  # nobody's: it is looked up


def asking(headers: str) -> Kind:
    """Callers who ask for the page of the login, and again once they are answered."""
    page = f"GET /accounts/login/ HTTP/1.1\r\n{HOST}{headers}\r\n".encode()

    def go_on(caller: socket) -> None:
        if caller.recv(1 << 16):
            caller.send(page)

    return Kind(lambda caller: caller.send(page), go_on)


@contextmanager
def frozen(environment: Environment) -> Iterator[None]:
    """PostgreSQL answers nothing."""
    environment.postgres.freeze()
    try:
        yield
    finally:
        environment.postgres.thaw()


def seconds(service: Service, path: str) -> float:
    """How long one probe waits, over a connection of its own; without end if its answer is another than usual."""
    begun = time.monotonic()
    with httpx.Client(base_url=service.url, trust_env=False, verify=False, timeout=60) as client:
        answer = client.get(path, headers=service.client.headers)
    return time.monotonic() - begun if answer.status_code == 200 else float("inf")


@pytest.fixture
def crowded(environment: Environment, tmp_path: Path) -> Iterator[Service]:
    """A service that has been asked everything once."""
    key = environment.writer.ask("issue", count=1)[0]
    with production_service(environment, key, tmp_path) as service:
        for path in PROBES:
            service.get(path)
        yield service


def test_probes__a_crowd_asks_for_pages__answered_at_once(crowded: Service, figure: Figure) -> None:
    with slow_callers(httpx.URL(crowded.url), asking(""), CROWD):
        time.sleep(3)
        took = {path: max(seconds(crowded, path) for _ in range(ROUNDS)) for path in PROBES}
    figure(
        "C15",
        f"{CROWD:,} callers ask for the page of the login, again and again",
        f"/livez, /readyz and /metrics each within {BAR:g} s",
        before="/livez after 8 s",
        measured=", ".join(f"{path} {pretty(found)}" for path, found in took.items()),
        met=max(took.values()) <= BAR,
    )


def test_probes__a_crowd_waits_for_postgresql__answered_at_once(
    crowded: Service, environment: Environment, figure: Figure
) -> None:
    """Each with a session that has to be looked up."""
    with frozen(environment), slow_callers(httpx.URL(crowded.url), asking(SESSION), CROWD):
        time.sleep(3)
        took = {path: max(seconds(crowded, path) for _ in range(ROUNDS)) for path in ("/livez", "/readyz")}
    figure(
        "C15",
        f"PostgreSQL is frozen, and {CROWD:,} callers with invented sessions wait for it",
        f"/livez and /readyz within {BAR:g} s",
        before="/livez after 9.7 s",
        measured=", ".join(f"{path} {pretty(found)}" for path, found in took.items()),
        met=max(took.values()) <= BAR,
    )
