"""HTTP servers, each with one application."""

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.ground import Environment
from benchmarks.load import Load, load
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port, tail

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
        self.stop = self._guarded.stop

    def wait(self) -> None:
        if not self._guarded.wait_until(self._answers, 60):
            raise RuntimeError(tail(self._log, 40))

    def answer(self) -> tuple[int, Headers]:
        """How many bytes the application answers with, and its header lines. Raises when that is no 200."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        with closing(connection):
            connection.request("GET", PATH, headers=self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise HTTPException(answer.status)
            headers = [(name.lower(), value) for name, value in answer.getheaders()]
            return len(answer.read()), [line for line in headers if line[0] not in OF_SERVERS]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def load(self, seconds: float) -> Load:
        return load(self.url(PATH), self._headers, seconds)

    def _answers(self) -> bool:
        try:
            self.answer()
        except (OSError, HTTPException):
            return False
        return True
