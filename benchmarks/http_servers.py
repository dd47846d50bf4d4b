"""HTTP servers, each with one application, and as many requests as they can take.

`python -m benchmarks.http_servers URL HEADER CONNECTIONS SECONDS` sends them where there is no wrk: each connection
asks again as soon as it is answered. Prints one line of JSON.
"""

import asyncio
import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import uvloop

from benchmarks.databases import Environment
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port, tail

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered; notes how many seconds that took."""

    def __init__(self, request: bytes, took: list[float], failed: list[bytes]) -> None:
        self._request, self._took, self._failed = request, took, failed

    def connection_made(self, transport: Any) -> None:
        """Ask for the first time."""
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._answer, self._asked = b"", perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is whole, and ask again."""
        self._answer += data
        head, _, body = self._answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if len(body) >= int(length[1]) if length else body.endswith(LAST_CHUNK):
            self._took.append(perf_counter() - self._asked)
            if b" 200 " not in head[:20]:
                self._failed.append(head)
            self._ask()


async def drive(url: str, header: str, connections: int, seconds: float) -> dict[str, float]:
    """Send GET requests for `seconds`; return their number, their percentiles in milliseconds and how many failed."""
    parts, took, failed = urlsplit(url), list[float](), list[bytes]()
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{header}\r\n\r\n".encode()
    loop, start = asyncio.get_running_loop(), perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(request, took, failed), parts.hostname or "", parts.port or 80)
    await asyncio.sleep(seconds)
    percentiles = [1000 * each for each in statistics.quantiles(took, n=100, method="inclusive")]
    return {"requests": len(took), "seconds": perf_counter() - start, "p50": percentiles[49], "p99": percentiles[98],
            "failed": len(failed)}  # fmt: skip


CONNECTIONS = 32
SCRIPT = Path(__file__).with_name("wrk.lua")


class Load(NamedTuple):
    """`rate` in requests a second, `p50` and `p99` in milliseconds."""

    rate: float
    p50: float
    p99: float


def source(seconds: float) -> str:
    """Return what sends the requests: wrk, which counts whole seconds only, or our own driver."""
    return "wrk" if shutil.which("wrk") and seconds >= 1 else "our own driver"


def load(url: str, headers: Mapping[str, str], seconds: float) -> Load:
    """GET `url` over CONNECTIONS connections for `seconds`.

    Raises RuntimeError after an answer other than 200, which would make the figures worthless.
    """
    (header,) = (f"{name}: {value}" for name, value in headers.items())
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", f"-H{header}", f"-s{SCRIPT}", url]
    own = [sys.executable, "-m", "benchmarks.http_servers", url, header, str(CONNECTIONS), str(seconds)]
    command = wrk if source(seconds) == "wrk" else own
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    got = json.loads(printed.splitlines()[-1])
    if got["failed"]:
        raise RuntimeError(f"{url}: {got['failed']} of {got['requests']} requests failed")
    return Load(got["requests"] / got["seconds"], got["p50"], got["p99"])


Command = Sequence[str | Path]

BIN = Path(sys.executable).parent
PATH = "/api/v1/personalities/elara/"
OF_SERVERS = {"date", "server", "connection"}  # header lines that an application does not answer
Headers = list[tuple[str, str]]


def _uvicorn(application: str, port: int, workers: int) -> Command:
    return (BIN / "uvicorn", application, "--port", str(port), "--workers", str(workers), "--loop", "uvloop",
            "--http", "httptools", "--lifespan", "off", "--no-access-log", "--log-level", "warning")  # fmt: skip


def _granian(application: str, port: int, workers: int) -> Command:
    return (BIN / "granian", application, "--port", str(port), "--workers", str(workers), "--loop", "uvloop",
            "--http", "1", "--no-ws", "--interface", "asginl", "--log-level", "warning")  # fmt: skip


SERVED = "granian"  # by tooling/serve.py: bars are judged on it
SERVERS: dict[str, Callable[[str, int, int], Command]] = {"uvicorn": _uvicorn, "granian": _granian}


class Site:
    """An application under a server; ready after `wait`."""

    def __init__(self, server: str, application: str, environment: Environment, log: Path, workers: int = 1) -> None:
        self._port, self._log = free_port(), log
        self._headers = {"Authorization": f"Bearer {environment['API_KEY']}"}
        command = SERVERS[server](application, self._port, workers)
        self._guarded = SupervisedServer(ServerSpec(application, command, log, cwd=ROOT, environment=environment))
        self.stop, self.supervisor = self._guarded.stop, self._guarded.process.pid

    def wait(self) -> None:
        """Wait until it answers; raise RuntimeError with the end of its log if it ends instead."""
        if not self._guarded.wait_until(self._answers, 60):
            raise RuntimeError(tail(self._log, 40))

    def answer(self) -> tuple[int, Headers]:
        """Return the size of the body in bytes, and the header lines; raise HTTPException unless the status is 200."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        with closing(connection):
            connection.request("GET", PATH, headers=self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise HTTPException(answer.status)
            headers = [(name.lower(), value) for name, value in answer.getheaders()]
            return len(answer.read()), [line for line in headers if line[0] not in OF_SERVERS]

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return f"http://127.0.0.1:{self._port}{path}"

    def load(self, seconds: float) -> Load:
        """Measure the hot read for `seconds`."""
        return load(self.url(PATH), self._headers, seconds)

    def _answers(self) -> bool:
        try:
            self.answer()
        except (OSError, HTTPException):
            return False
        return True


if __name__ == "__main__":
    url, header, connections, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(drive(url, header, int(connections), float(seconds)))))
