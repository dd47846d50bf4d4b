"""The service as the README runs it in production, on the servers of a stage."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.faults.stage import Stage
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port
from tooling.serve import GRANIAN


class Answer(NamedTuple):
    response: httpx.Response
    seconds: float

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def is_marked(self) -> bool:
        """Whether it says that PostgreSQL does not vouch for it, and since when."""
        return "unverified" in self.response.headers["Server-Timing"] and int(self.response.headers["Age"]) > 0


class Site:
    """Answers a client that presents an API key."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        many = httpx.Limits(max_connections=None)
        self.client = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10, limits=many)

    def personality(self, name: str) -> Answer:
        return self.get(f"/api/v1/personalities/{name}/")

    def get(self, path: str) -> Answer:
        start = time.monotonic()
        response = self.client.get(path)
        return Answer(response, time.monotonic() - start)

    def personalities(self, names: Sequence[str]) -> list[Answer]:
        """All at once."""
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(self.personality, names))


@contextmanager
def site(stage: Stage, key: str, folder: Path) -> Iterator[Site]:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # or a failed test reports each request
    port, log = free_port(), folder / "log"
    server = SupervisedServer(
        ServerSpec(
            "granian",
            (sys.executable, "-m", *GRANIAN, "--port", str(port)),
            log,
            cwd=ROOT,
            environment=stage.environment,
        )
    )
    try:
        wait_until(lambda: "Started worker" in log.read_text() or server.process.poll() is not None, 30)
        assert server.process.poll() is None, log.read_text()
        running = Site(f"http://127.0.0.1:{port}", key)
        with running.client:
            yield running
    finally:
        server.stop()
