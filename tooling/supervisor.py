"""Runs one server, and stops it when the process that asked for it is gone, even by `kill -9`.

Started as `python supervisor.py '{"command": […], "signal": "SIGINT", …}'` with a pipe as standard input. Nobody writes
to that pipe: its end of file means that the other side has ended, for whatever reason. Works on any Unix.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any


def main() -> int:
    """Run the server that the first argument describes; return its exit code by the convention of shells."""
    spec = json.loads(sys.argv[1])
    # The child comes first: a signal that arrives before its handler exists must not leave the child behind.
    child = subprocess.Popen(spec["command"], stdin=subprocess.DEVNULL, **_restrictions(spec))
    stop_signal = signal.Signals[spec["signal"]]
    signal.signal(signal.SIGTERM, lambda *_: child.send_signal(stop_signal))
    waiting = (child, stop_signal, spec["grace_seconds"])
    threading.Thread(target=_stop_at_end_of_input, args=waiting, daemon=True).start()
    code = child.wait()
    for path in spec["remove"]:
        shutil.rmtree(path, ignore_errors=True)
    return code if code >= 0 else 128 - code


def _restrictions(spec: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of Popen: the open folders that the command names, and fewer rights where we are root."""
    restrictions: dict[str, Any] = {"pass_fds": spec["keep_open"], "cwd": spec["cwd"]}
    if (user := spec["user"]) is not None:
        restrictions |= {"user": user[0], "group": user[1], "extra_groups": []}
    return restrictions


def _stop_at_end_of_input(child: "subprocess.Popen[bytes]", stop_signal: signal.Signals, grace: float) -> None:
    os.read(0, 1)  # not sys.stdin: Python aborts at exit while a thread waits for it
    child.send_signal(stop_signal)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main())
