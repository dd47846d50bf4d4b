"""Runs one server and stops it when whoever asked for it is gone, even by `kill -9`.

Started as `python guard.py '{"command": […], "signal": "SIGINT", …}'` with a pipe as standard input. Nobody writes to
that pipe: its end of file is the news that the other side has ended, for whatever reason. Works on any Unix.
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
    order = json.loads(sys.argv[1])
    # The child is made first: a signal that arrives before its handler exists must not leave it behind.
    child = subprocess.Popen(order["command"], stdin=subprocess.DEVNULL, **_identity(order))
    stop_signal = signal.Signals[order["signal"]]
    signal.signal(signal.SIGTERM, lambda *_: child.send_signal(stop_signal))
    waiting = (child, stop_signal, order["grace_seconds"])
    threading.Thread(target=_stop_at_end_of_input, args=waiting, daemon=True).start()
    code = child.wait()
    for path in order["remove"]:
        shutil.rmtree(path, ignore_errors=True)
    return code if code >= 0 else 128 - code  # as shells say it


def _identity(order: dict[str, Any]) -> dict[str, Any]:
    """What the child keeps of us: the open folders that its command names, and less rights where we are root."""
    identity: dict[str, Any] = {"pass_fds": order["keep_open"], "cwd": order["cwd"]}
    if (user := order["user"]) is not None:
        identity |= {"user": user[0], "group": user[1], "extra_groups": []}
    return identity


def _stop_at_end_of_input(child: "subprocess.Popen[bytes]", stop_signal: signal.Signals, grace: float) -> None:
    os.read(0, 1)  # not sys.stdin: Python aborts at its end when a thread waits there
    child.send_signal(stop_signal)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main())
