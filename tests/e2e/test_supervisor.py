"""The supervisor by itself: it stops what it runs, kills what does not stop, and reports how it ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer

Supervise = Callable[..., SupervisedServer]

POLITE = "print('up', flush=True); time.sleep(600)"
STUBBORN = f"[signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)]; {POLITE}"
LAST_WORDS = f"signal.signal(signal.SIGINT, lambda *_: sys.exit(5)); {POLITE}"
ASK = """
import pathlib, signal, sys
from tooling.processes import ServerSpec, SupervisedServer
server = SupervisedServer(ServerSpec("it", [sys.executable, "-c", sys.argv[2]], pathlib.Path(sys.argv[1])))
signal.pause()
"""


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Run Python code under a supervisor; with `up`, wait until it has printed that word."""
    started = []

    def make(code: str, *, up: bool = True, signal: str = "SIGTERM", remove: Path | None = None) -> SupervisedServer:
        command = [sys.executable, "-c", f"import signal, sys, time; {code}"]
        log = tmp_path / "log"
        spec = ServerSpec("it", command, log, signal, grace_seconds=0.2, remove=[remove] if remove else [])
        started.append(SupervisedServer(spec))
        assert not up or started[-1].wait_until(lambda: "up" in log.read_text())
        return started[-1]

    yield make
    for server in started:
        for pid in processes.descendants(server.process.pid):
            os.kill(pid, signal.SIGKILL)  # whatever the test has found out about the supervisor
        server.stop()


def stopped(server: SupervisedServer) -> int:
    """Do what `SupervisedServer.stop` does, with a deadline; return the supervisor's exit code."""
    assert server.process.stdin
    server.process.stdin.close()
    return server.process.wait(10)


@pytest.mark.parametrize("code", [0, 7])
def test_supervisor__server_ends__with_its_code_and_no_other_word(
    supervise: Supervise, tmp_path: Path, code: int
) -> None:
    assert supervise(f"sys.exit({code})", up=False).process.wait(10) == code
    assert (tmp_path / "log").read_text() == ""


def test_supervisor__server_is_killed__with_the_code_of_a_shell(supervise: Supervise) -> None:
    assert (
        supervise("import os; os.kill(os.getpid(), signal.SIGKILL)", up=False).process.wait(10) == 128 + signal.SIGKILL
    )


def test_supervisor__stop__server_ends_by_the_signal_it_is_to_have(supervise: Supervise) -> None:
    assert stopped(supervise(LAST_WORDS, signal="SIGINT")) == 5


def test_supervisor__server_ignores_the_signal__killed_after_the_grace(supervise: Supervise) -> None:
    server = supervise(STUBBORN)
    pids = processes.descendants(server.process.pid)
    assert stopped(server) == 128 + signal.SIGKILL
    assert pids
    assert not processes.alive(pids)


def test_supervisor__sigterm__passed_on(supervise: Supervise) -> None:
    server = supervise(LAST_WORDS, signal="SIGINT")
    server.process.terminate()
    assert server.process.wait(10) == 5


def test_supervisor__folder_to_remove__gone_with_the_server(supervise: Supervise, tmp_path: Path) -> None:
    (tmp_path / "borrowed" / "bin").mkdir(parents=True)
    server = supervise(POLITE, remove=tmp_path / "borrowed")
    assert (tmp_path / "borrowed").exists()
    stopped(server)
    assert not (tmp_path / "borrowed").exists()


def test_supervisor__requesting_process_is_killed__server_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", ASK, str(log), f"import time; {POLITE}"]
    with subprocess.Popen(command, cwd=ROOT) as asking:
        wait_until(lambda: log.exists() and "up" in log.read_text())
        pids = processes.descendants(asking.pid)
        asking.kill()
    assert len(pids) == 2
    try:
        wait_until(lambda: not processes.alive(pids))
    finally:
        for pid in processes.alive(pids):
            os.kill(pid, signal.SIGKILL)
