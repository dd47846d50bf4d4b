"""One owner of `var/` at a time. The lock lives in open descriptors, so it ends with its holders, however they end."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tooling.environment import write_private
from tooling.errors import Refusal
from tooling.paths import VAR

STATE = VAR / "run.json"
PATIENCE_SECONDS = 12  # the guards of a killed run stop their servers within ten


@contextmanager
def owning_var() -> Iterator[int]:
    """Hold `var/`; yields the descriptor, which guards keep open until their server has ended."""
    VAR.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(VAR / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor)
        announce({})
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _try(descriptor):
        if (owner := running()) or time.monotonic() > deadline:
            doing = owner.get("url", "it is starting, or a `dev.py manage` is at work")
            raise Refusal(f"one is running on {VAR} already ({doing}); stop it first")
        time.sleep(0.1)  # nobody alive claims it: its servers are on their way out


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def announce(state: dict[str, Any]) -> None:
    write_private(STATE, json.dumps({"pid": os.getpid(), **state}))


def running() -> dict[str, Any]:
    """What the living owner of `var/` announced, or nothing."""
    try:
        state: dict[str, Any] = json.loads(STATE.read_text())
    except (OSError, ValueError):
        return {}
    # The number of a dead owner may belong to somebody else by now, so the lock is asked too.
    return state if _is_alive(state["pid"]) and _is_held() else {}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")  # Linux only; a killed owner may lie there unburied for a while
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _is_held() -> bool:
    with (VAR / "lock").open() as file:
        return not _try(file.fileno())
