"""The service as docs/operations.md runs it in production: settings by default, no dev.py in front."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.database import empty_database
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port
from tooling.serve import GRANIAN

HOST = {"Host": "companion.example"}
RUN = " ".join(("python", "-m", *GRANIAN))  # in docs/operations.md
ANOTHER = "uvicorn --lifespan off companion.asgi:application"  # any ASGI server will do


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a migrated one."""
    with empty_database() as url:
        command, env = (sys.executable, "manage.py", "migrate"), os.environ | {"DATABASE_URL": url}
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
        yield url


class Server(NamedTuple):
    """A running one."""

    url: str
    log: Path


@pytest.fixture(scope="module", params=[RUN, ANOTHER])
def running(
    request: pytest.FixtureRequest, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    port, log = free_port(), tmp_path_factory.mktemp("production") / "log"
    program, *arguments = request.param.split()
    command = (Path(sys.executable).with_name(program), *arguments, "--port", str(port))
    env = {name: os.environ[name] for name in ("PATH", "REDIS_URL", "SECRET_KEY")}
    env |= {"DATABASE_URL": database, "ALLOWED_HOSTS": "companion.example"}
    env |= {"BEHIND_HTTPS_PROXY": "true", "LOG_FORMAT": "json", "COMPANION_ENV_FILE": os.devnull}
    env |= {"SHUTDOWN_NOTICE_SECONDS": "0"}
    supervised = SupervisedServer(ServerSpec(program, command, log, cwd=ROOT, environment=env))
    try:
        wait_until(lambda: "Started" in log.read_text() or supervised.process.poll() is not None, 30)
        assert supervised.process.poll() is None, log.read_text()
        wait_until(lambda: answers(port))
        yield Server(f"http://127.0.0.1:{port}", log)
    finally:
        supervised.stop()


@pytest.fixture
def server(running: Server) -> str:
    """Its URL."""
    return running.url


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_production__command__is_the_documented_one() -> None:
    documented = (ROOT / "docs/operations.md").read_text().replace(" \\\n", " ")
    assert RUN in " ".join(documented.split())


def test_production__command__the_same_in_the_image_and_in_the_unit() -> None:
    (image,) = re.findall(r"^CMD (\[.*\])$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert " ".join(json.loads(image)) == RUN
    unit = (ROOT / "deploy/companion.service").read_text().replace(" \\\n ", "")
    assert re.findall(r"^ExecStart=/opt/companion/.venv/bin/(.*)$", unit, re.MULTILINE) == [RUN]


def test_production__server__https_only_but_for_probes(server: str) -> None:
    with httpx.Client(base_url=server, headers=HOST, trust_env=False) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").json()["status"] == "ready"
        moved = client.get("/api/v1/archetypes/")
        assert (moved.status_code, moved.headers["Location"]) == (301, "https://companion.example/api/v1/archetypes/")
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/static/favicon.svg").status_code == 301


def test_production__probes__by_address_over_http(server: str) -> None:
    """As Kubernetes and Prometheus ask, who know an address and no name."""
    with httpx.Client(base_url=server, headers={"Host": "10.1.2.3:8000"}, trust_env=False) as client:
        assert client.get("/livez").json() == {"status": "alive"}
        assert client.get("/readyz").json()["redis"] == "ok"
        assert client.get("/metrics").status_code == 401


def test_production__json_logs__each_line_has_the_id_of_its_request(running: Server) -> None:
    def ask(number: int) -> httpx.Response:
        headers = HOST | {"X-Request-ID": f"mine-{number}", "X-Forwarded-Proto": "https"}
        return httpx.get(f"{running.url}/livez/{number}", headers=headers, trust_env=False, verify=False)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(32)))
    assert [answer.headers["X-Request-ID"] for answer in answers] == [f"mine-{number}" for number in range(32)]
    wait_until(lambda: len(logged(running.log)) >= 32)
    assert logged(running.log) == {f"Not Found: /livez/{number}": f"mine-{number}" for number in range(32)}


def logged(log: Path) -> dict[str, str]:
    """The ids by message, of requests for what is not there."""
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return {entry["message"]: entry["request_id"] for entry in entries if entry["message"].startswith("Not Found")}


def test_production__body_of_excessive_length__refused_unread(server: str) -> None:
    address = httpx.URL(server)
    with socket.create_connection((address.host, address.port or 80), 5) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: companion.example\r\nContent-Length: 1000000000\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(("pieces", "status"), [(1, 401), (1000, 413)])
def test_production__body_in_chunks__read_within_bounds(server: str, pieces: int, status: int) -> None:
    with httpx.Client(base_url=server, headers=HOST | {"X-Forwarded-Proto": "https"}, trust_env=False) as client:
        body = iter([b" " * 1000] * pieces)
        assert client.patch("/api/v1/personalities/elara/", content=body).status_code == status


@pytest.mark.parametrize("path", ["/api/v1/personalities/", "/v1/chat/completions"])
def test_production__chunks_that_may_hide_a_request__never_a_second_answer(server: str, path: str) -> None:
    """Two lengths, or a coding that nobody reads: what one server takes for the body is a request to another."""
    address, hidden = httpx.URL(server), b"GET /livez HTTP/1.1\r\nHost: companion.example\r\n\r\n"
    for framing in (b"Content-Length: 4\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: identity, chunked",
                    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"):  # fmt: skip
        with socket.create_connection((address.host, address.port or 80), 5) as raw:
            head = b"POST %s HTTP/1.1\r\nHost: companion.example\r\n%s\r\n\r\n" % (path.encode(), framing)
            raw.sendall(head + b"2\r\n{}\r\n0\r\n\r\n" + hidden)
            said = received_to_the_end(raw)
        assert said.count(b"HTTP/1.1 ") == 1, (framing, said)


def received_to_the_end(connection: socket.socket) -> bytes:
    """All that was answered: a server that closes with bytes unread resets the connection behind its answer."""
    received = b""
    with suppress(ConnectionResetError):
        while more := connection.recv(65536):
            received += more
    return received


@pytest.mark.parametrize(
    ("path", "size"), [("/api/v1/personalities/", 2**19), ("/v1/chat/completions", 2**21), ("/api/", 2**19)]
)
def test_production__body_too_large__may_be_sent_to_its_end(server: str, path: str, size: int) -> None:
    """nginx says 502 where a connection is closed while it still writes, whatever was answered before."""
    address, pieces = httpx.URL(server), 64
    with socket.create_connection((address.host, address.port or 80), 10) as raw:
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: companion.example\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(pieces):
            raw.sendall(b" " * (size // pieces))
            time.sleep(0.002)  # the other side may answer, and close, meanwhile
        assert raw.recv(100).startswith(b"HTTP/1.1 413")
