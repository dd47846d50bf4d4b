"""HTTP servers, each with one application."""

import sys
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.ground import Environment
from benchmarks.load import Load, load
from tooling.paths import ROOT
from tooling.processes import Guarded, Order, free_port, tail

Command = Sequence[str | Path]

BIN = Path(sys.executable).parent
PATH = "/api/v1/personalities/elara/"


def _uvicorn(application: str, port: int, workers: int) -> Command:
    return (BIN / "uvicorn", application, "--port", str(port), "--workers", str(workers), "--loop", "uvloop",
            "--http", "httptools", "--lifespan", "off", "--no-access-log", "--log-level", "warning")  # fmt: skip


def _granian(application: str, port: int, workers: int) -> Command:
    return (BIN / "granian", application, "--port", str(port), "--workers", str(workers), "--loop", "uvloop",
            "--http", "1", "--no-ws", "--interface", "asginl", "--log-level", "warning")  # fmt: skip


SERVERS: dict[str, Callable[[str, int, int], Command]] = {"uvicorn": _uvicorn, "granian": _granian}


class Site:
    """An application under a server; ready after `wait`, which says how many bytes it answers with."""

    def __init__(self, server: str, application: str, environment: Environment, log: Path, workers: int = 1) -> None:
        self._port, self._log, self._size = free_port(), log, 0
        self._headers = {"Authorization": f"Bearer {environment['API_KEY']}"}
        command = SERVERS[server](application, self._port, workers)
        self._guarded = Guarded(Order(application, command, log, cwd=ROOT, environment=environment))
        self.stop = self._guarded.stop

    def wait(self) -> int:
        if not self._guarded.wait_until(self._answers, 60):
            raise RuntimeError(tail(self._log, 40))
        return self._size

    def load(self, seconds: float) -> Load:
        return load(f"http://127.0.0.1:{self._port}{PATH}", self._headers, seconds)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", PATH, headers=self._headers)
            answer = connection.getresponse()
            self._size = len(answer.read())
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        return answer.status == 200
