"""Commands that give the terminal to a program: it gets the signals, its exit code is passed on, nothing is left."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.e2e.instance import DEV, dev, environment, is_free
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer

LONG_SCRIPT = """
import time
from django.db import connection
print("waiting", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(1)  # longer than Python's subprocess.run would let it live
    connection.ensure_connection()
    print("interrupted, and still connected")
"""


@pytest.fixture
def waiting(idle_var: Path, tmp_path: Path) -> Iterator[SupervisedServer]:
    """`dev.py manage shell` while it executes something long."""
    command = [*DEV, "manage", "shell", "-v", "0", "-c", LONG_SCRIPT]
    log = tmp_path / "log"
    verb = SupervisedServer(ServerSpec("manage", command, log, cwd=ROOT, environment=environment(idle_var)))
    try:
        assert verb.wait_until(lambda: "waiting" in log.read_text()), log.read_text()
        yield verb
    finally:
        verb.stop()


def test_foreground__sigterm__command_and_servers_end(waiting: SupervisedServer, idle_var: Path) -> None:
    pids = processes.descendants(waiting.process.pid)
    (dev_py,) = processes.children(waiting.process.pid)
    os.kill(dev_py, signal.SIGTERM)
    assert waiting.process.wait(20) == 128 + signal.SIGTERM
    wait_until(lambda: not processes.alive(pids))
    assert is_free(idle_var)


def test_foreground__ctrl_c__the_command_decides(waiting: SupervisedServer, tmp_path: Path) -> None:
    """Ctrl-C at the prompt of `manage shell` must not stop the servers."""
    for pid in processes.descendants(waiting.process.pid):
        if os.getpgid(pid) == waiting.process.pid:  # a terminal sends it to the whole group: dev.py and the command
            os.kill(pid, signal.SIGINT)
    assert waiting.process.wait(20) == 0
    assert "interrupted, and still connected" in (tmp_path / "log").read_text()


def test_foreground__tests_end__code_passed_on_and_nothing_left(tmp_path: Path) -> None:
    ran = dev("test", "--no-such-option", var=tmp_path / "var", TMPDIR=str(tmp_path))
    assert ran.returncode == 4, ran.stderr  # pytest's own code for wrong usage
    assert "--no-such-option" in ran.stderr
    assert not [*tmp_path.iterdir()]
