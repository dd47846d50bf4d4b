"""One owner of `var/` at a time. The lock lives in open descriptors, so it ends with its holders, however they end."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tooling import Refusal
from tooling.environment import var_dir, write_private

WAIT_SECONDS = 12  # the supervisors of a killed run stop their servers within ten


@contextmanager
def owning_var() -> Iterator[int]:
    """Hold `var/`; yields the descriptor, which supervisors keep open until their server has ended.

    Raises Refusal if another process holds it.
    """
    var_dir().mkdir(parents=True, exist_ok=True)
    descriptor = os.open(var_dir() / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor)
        announce({})
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not _try(descriptor):
        if (owner := running()) or time.monotonic() > deadline:
            doing = owner.get("url", "it is starting, or a `dev.py manage` is at work")
            raise Refusal(f"one is running on {var_dir()} already ({doing}); stop it first")
        time.sleep(0.1)  # no living process claims it: its servers are about to end


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def announce(state: dict[str, Any]) -> None:
    """Publish what others may know about the owner of `var/`, with its process id."""
    write_private(_state_file(), json.dumps({"pid": os.getpid(), **state}))


def running() -> dict[str, Any]:
    """Return what the living owner of `var/` announced, or an empty dict."""
    try:
        state: dict[str, Any] = json.loads(_state_file().read_text())
    except (OSError, ValueError):
        return {}
    # Another process may have the id of a dead owner by now, so the lock is checked too.
    return state if is_alive(state["pid"]) and _is_held() else {}


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and not just a zombie (which only Linux tells us)."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _state_file() -> Path:
    return var_dir() / "run.json"


def _is_held() -> bool:
    with (var_dir() / "lock").open() as file:
        return not _try(file.fileno())
