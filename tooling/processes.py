"""Starts a server under a supervisor and waits until it answers; runs a program in the foreground."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tooling import Refusal
from tooling.environment import ROOT

SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True)
class ServerSpec:
    """What a supervisor is to run, and how. `log` is a file to append to; None means this terminal."""

    name: str
    command: Sequence[str | Path]
    log: Path | None
    signal: str = "SIGTERM"  # asks the server to stop
    grace_seconds: float = 10  # from that signal to SIGKILL
    user: tuple[int, int] | None = None  # uid and gid to drop to
    keep_open: Sequence[int] = ()  # descriptors that the server inherits
    remove: Sequence[Path] = ()  # folders to delete once the server has ended
    cwd: str | Path = "/"
    environment: dict[str, str] | None = None
    hold: Sequence[int] = ()  # descriptors that the supervisor keeps open until the server has ended: the lock

    def for_supervisor(self) -> str:
        """Return the JSON document that supervisor.py takes as its argument."""
        names = ("command", "signal", "grace_seconds", "user", "keep_open", "remove", "cwd")
        return json.dumps({name: getattr(self, name) for name in names}, default=str)


class SupervisedServer:
    """A running server. It ends with `stop`, or with this process, however this process ends."""

    def __init__(self, spec: ServerSpec) -> None:
        self.spec = spec
        with ExitStack() as stack:
            log = stack.enter_context(spec.log.open("ab")) if spec.log else None
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(SUPERVISOR), spec.for_supervisor()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT if log else None,
                env=spec.environment,
                pass_fds=[*spec.keep_open, *spec.hold],
                start_new_session=True,  # Ctrl-C is for dev.py, which then stops its servers in order
            )

    def wait_until(self, answers: Callable[[], bool], seconds: float = 30) -> bool:
        """Return True once `answers()`, or False if the server has ended instead: the caller may try another port.

        Raises Refusal, with the server stopped, after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.stop()
                return False
            if answers():
                return True
            time.sleep(0.02)
        self.stop()
        raise Refusal(f"{self.spec.name} did not answer within {seconds:.0f} s (log: {self.spec.log or 'above'})")

    def stop(self) -> None:
        """Stop the server and wait until it has ended: end of input is what the supervisor waits for."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()


def foreground(command: Sequence[str | Path], environment: dict[str, str], cwd: Path = ROOT) -> int:
    """Run a program that owns the terminal, and return its exit code. The program decides what Ctrl-C means."""
    child = subprocess.Popen(command, cwd=cwd, env=environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = wait(child)
    return code if code >= 0 else 128 - code  # the convention of shells


def wait(process: "subprocess.Popen[bytes]") -> int:
    """Return the exit code of `process` once it has ended.

    Polls, because `process.wait()` misses a signal that arrives just before it blocks.
    """
    while (code := process.poll()) is None:
        time.sleep(0.05)
    return code


def free_port(wanted: int = 0) -> int:
    """Return `wanted` if nobody listens there, else any free port.

    Another process may take it before the caller does, so callers retry.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = 8) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
