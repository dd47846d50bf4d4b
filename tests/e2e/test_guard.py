"""The guard by itself: it stops what it runs, kills what does not stop, and says how it ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.e2e.instance import wait_until
from tooling.paths import ROOT
from tooling.processes import Guarded, Order

Guard = Callable[..., Guarded]

POLITE = "print('up', flush=True); time.sleep(600)"
STUBBORN = f"[signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)]; {POLITE}"
LAST_WORDS = f"signal.signal(signal.SIGINT, lambda *_: sys.exit(5)); {POLITE}"
ASK = """
import pathlib, signal, sys
from tooling.processes import Guarded, Order
server = Guarded(Order("it", [sys.executable, "-c", sys.argv[2]], pathlib.Path(sys.argv[1])))
signal.pause()
"""


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """Run Python code under a guard; `up` waits until it has printed so."""
    started = []

    def make(code: str, *, up: bool = True, signal: str = "SIGTERM", remove: Path | None = None) -> Guarded:
        command = [sys.executable, "-c", f"import signal, sys, time; {code}"]
        log = tmp_path / "log"
        order = Order("it", command, log, signal, grace_seconds=0.2, remove=[remove] if remove else [])
        started.append(Guarded(order))
        assert not up or started[-1].wait_until(lambda: "up" in log.read_text())
        return started[-1]

    yield make
    for guarded in started:
        for pid in processes.descendants(guarded.process.pid):
            os.kill(pid, signal.SIGKILL)  # whatever the test has found out about the guard
        guarded.stop()


def stopped(guarded: Guarded) -> int:
    """What `Guarded.stop` does, with a deadline; the guard's exit code."""
    assert guarded.process.stdin
    guarded.process.stdin.close()
    return guarded.process.wait(10)


@pytest.mark.parametrize("code", [0, 7])
def test_guard__server_ends__with_its_code_and_no_other_word(guard: Guard, tmp_path: Path, code: int) -> None:
    assert guard(f"sys.exit({code})", up=False).process.wait(10) == code
    assert (tmp_path / "log").read_text() == ""


def test_guard__server_is_killed__with_the_code_of_a_shell(guard: Guard) -> None:
    assert guard("import os; os.kill(os.getpid(), signal.SIGKILL)", up=False).process.wait(10) == 128 + signal.SIGKILL


def test_guard__stop__server_ends_by_the_signal_it_is_to_have(guard: Guard) -> None:
    assert stopped(guard(LAST_WORDS, signal="SIGINT")) == 5


def test_guard__server_ignores_the_signal__killed_after_the_grace(guard: Guard) -> None:
    guarded = guard(STUBBORN)
    pids = processes.descendants(guarded.process.pid)
    assert stopped(guarded) == 128 + signal.SIGKILL
    assert pids
    assert not processes.alive(pids)


def test_guard__sigterm__passed_on(guard: Guard) -> None:
    guarded = guard(LAST_WORDS, signal="SIGINT")
    guarded.process.terminate()
    assert guarded.process.wait(10) == 5


def test_guard__folder_to_remove__gone_with_the_server(guard: Guard, tmp_path: Path) -> None:
    (tmp_path / "borrowed" / "bin").mkdir(parents=True)
    guarded = guard(POLITE, remove=tmp_path / "borrowed")
    assert (tmp_path / "borrowed").exists()
    stopped(guarded)
    assert not (tmp_path / "borrowed").exists()


def test_guard__whoever_asked_is_killed__server_ends(tmp_path: Path) -> None:
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
