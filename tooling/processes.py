"""Starts a server under a guard and waits until it answers."""

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

from tooling.errors import Refusal
from tooling.paths import ROOT

GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True)
class Order:
    """What a guard is to run. `user` is (uid, gid) to drop to; `remove` are paths to delete when it has ended."""

    name: str
    command: Sequence[str | Path]
    log: Path | None  # None: on this terminal
    signal: str = "SIGTERM"
    grace_seconds: float = 10  # from that signal to SIGKILL
    user: tuple[int, int] | None = None
    keep_open: Sequence[int] = ()
    remove: Sequence[Path] = ()
    cwd: str | Path = "/"
    environment: dict[str, str] | None = None
    hold: Sequence[int] = ()  # descriptors the guard itself keeps until the server has ended: the lock

    def for_guard(self) -> str:
        names = ("command", "signal", "grace_seconds", "user", "keep_open", "remove", "cwd")
        return json.dumps({name: getattr(self, name) for name in names}, default=str)


class Guarded:
    """A running server. It ends with `stop`, or with this process."""

    def __init__(self, order: Order) -> None:
        self.order = order
        with ExitStack() as stack:
            log = stack.enter_context(order.log.open("ab")) if order.log else None
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), order.for_guard()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT if log else None,
                env=order.environment,
                pass_fds=[*order.keep_open, *order.hold],
                start_new_session=True,  # Ctrl-C is for dev.py, which then stops its servers in order
            )

    def wait_until(self, answers: Callable[[], bool], seconds: float = 30) -> bool:
        """True once `answers()`; False when the server has ended instead, so that the caller may try another port."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.stop()
                return False
            if answers():
                return True
            time.sleep(0.02)
        self.stop()
        raise Refusal(f"{self.order.name} did not answer within {seconds:.0f} s (log: {self.order.log or 'above'})")

    def stop(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()


def foreground(command: Sequence[str | Path], environment: dict[str, str]) -> int:
    """Run a program that has the terminal; return its exit code. What Ctrl-C means is for the program to decide."""
    child = subprocess.Popen(command, cwd=ROOT, env=environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = ended(child)
    return code if code >= 0 else 128 - code  # as shells say it


def ended(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code, once there is one. `process.wait()` is deaf to a signal that comes just before it blocks."""
    while (code := process.poll()) is None:
        time.sleep(0.05)
    return code


def free_port(wanted: int = 0) -> int:
    """`wanted` when nobody listens there, else any free port. Another process may be quicker to it: callers retry."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
