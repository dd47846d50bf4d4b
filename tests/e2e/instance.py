"""`dev.py` as a person uses it: a command in a shell of its own, and what it prints."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tests.e2e import processes
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer

# The interpreter the venv was made with: it sees no installed package, and it does not make the venv look outdated.
DEV = (getattr(sys, "_base_executable", sys.executable), "dev.py")
CONNECT = "from django.db import connection; connection.ensure_connection(); print('connected')"
ELARA = "/api/v1/personalities/elara/"
OURS = {"PG_BINDIR", "REDIS_SERVER", "COMPANION_NO_UV"}  # how this machine runs servers, not what the suite runs on


def environment(var: Path | None, **extra: str) -> dict[str, str]:
    """Return the variables of a shell in which nothing is set for Companion: neither by the suite nor by a `.env`."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    settings = {line.lstrip("# ").partition("=")[0] for line in lines} | {"DJANGO_SETTINGS_MODULE"}
    settings |= {"PYTHONDONTWRITEBYTECODE"}  # without bytecode each start takes longer
    clean = {name: value for name, value in os.environ.items() if name not in settings - OURS}
    place = {"COMPANION_VAR_DIR": str(var)} if var else {}
    return clean | place | {"COMPANION_ENV_FILE": os.devnull} | extra


def dev(*arguments: str, var: Path | None, **extra: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of dev.py that ends by itself."""
    command = [*DEV, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(var, **extra), capture_output=True, text=True, timeout=60)


class Instance:
    """A running `dev.py run` with its data in `var`."""

    def __init__(self, var: Path, port: int = 0, extra: dict[str, str] | None = None) -> None:
        self.var = var
        self.output = var.parent / f"output-{time.monotonic_ns()}"
        command = [*DEV, "run", "--port", str(port)]
        # Supervised, so that it ends with the tests even when somebody kills them.
        spec = ServerSpec(
            "dev.py run", command, self.output, "SIGINT", cwd=ROOT, environment=environment(var, **extra or {})
        )
        self._supervisor = SupervisedServer(spec)
        wait_until(self.processes)
        (self.pid,) = processes.children(self._supervisor.process.pid)

    def wait_for_block(self) -> "Instance":
        """Wait until it has printed where it is; return this."""
        assert self._supervisor.wait_until(lambda: " -X PATCH " in self.printed, 60), self.printed
        return self

    def processes(self) -> set[int]:
        """Return the process ids of dev.py and all that it started."""
        return processes.descendants(self._supervisor.process.pid)

    def end_by(self, number: signal.Signals) -> int:
        """Send dev.py the signal; return its exit code, by the convention of shells."""
        os.kill(self.pid, number)
        return self._supervisor.process.wait(20)

    def stop(self) -> None:
        """End it in any case: by SIGINT, then by SIGKILL."""
        self._supervisor.stop()

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self.output.read_text()

    @cached_property
    def url(self) -> str:
        """Where the service is."""
        return self._after("Web").removesuffix("/")

    @cached_property
    def redis_url(self) -> str:
        """Where its Redis is."""
        return self._after("Redis")

    @cached_property
    def password(self) -> str:
        """The demo administrator's password."""
        return self._after("password")

    @cached_property
    def curls(self) -> list[str]:
        """The printed curl commands."""
        return re.findall(r"^ +(curl .*)$", self.printed, re.MULTILINE)

    @cached_property
    def database_url(self) -> str:
        """Where its PostgreSQL is."""
        return str(json.loads((self.var / "run.json").read_text())["urls"]["DATABASE_URL"])

    def _after(self, label: str) -> str:
        found = re.search(rf"\b{label} +(\S+)", self.printed[self.printed.index("Companion is running") :])
        assert found, self.printed
        return found[1]

    def http(self) -> httpx.Client:
        """Return a client that presents the printed key."""
        key = re.search(r"Bearer (\w[\w-]*)", self.curls[0])
        assert key
        headers = {"Authorization": f"Bearer {key[1]}"}
        # There is no TLS: to load the authorities' certificates would take 20 ms of processor for every client.
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, verify=False)

    def elara(self, **changes: Any) -> Any:
        """Return the personality, after `changes` if there are any."""
        with self.http() as client:
            answer = client.patch(ELARA, json=changes) if changes else client.get(ELARA)
            return answer.raise_for_status().json()

    def is_ready(self) -> bool:
        """Whether it says that it is ready."""
        with self.http() as client:
            return bool(client.get("/readyz").json()["status"] == "ready")


def is_free(var: Path) -> bool:
    """Whether no `run` owns `var`, nor does the supervisor of a server that one left behind."""
    with (var / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
