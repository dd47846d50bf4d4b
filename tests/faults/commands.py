"""What a worker can be told to do. Answers are plain JSON values; tests/faults/workers.py makes them events again."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.faults import talks
from tests.faults.gates import die_before_hooks, hold, join, joined_read, release
from tests.faults.reads import Row, Watch, read
from tests.faults.writes import PATHS

Written = tuple[int, int, str, int]  # started, returned, name, serial
watches: list[Watch] = []


def write(path: str, name: str, serial: int, **options: Any) -> Written:
    started = time.monotonic_ns()
    PATHS[path](name, serial, **options)
    return started, time.monotonic_ns(), name, serial


def write_many(path: str, names: list[str], first: int, count: int, pause: float, seconds: float) -> list[Written]:
    """Serial numbers from `first` on, to one name after the other, with random pauses of up to `pause` seconds."""
    written: list[Written] = []
    end = time.monotonic() + seconds
    while len(written) < count and time.monotonic() < end:
        serial = first + len(written)
        written.append(write(path, names[serial % len(names)], serial))
        time.sleep(random.uniform(0, pause))
    return written


def write_and_read(path: str, name: str, serial: int, of: str, **options: Any) -> tuple[Written, Row, Row]:
    """A write, and the next reads of the name `of`: in this thread, and in another."""
    written, own = write(path, name, serial, **options), read(of)
    others: list[Row] = []
    thread = threading.Thread(target=lambda: others.append(read(of)))
    thread.start()
    thread.join()
    return written, own, others[0]


def watch(names: list[str], threads: int, pause: tuple[float, float], every: bool) -> None:
    """Begin to read; answers when each thread has read each name."""
    watches.append(Watch(names, threads, pause, every))
    watches[-1].wait_until_warm()


def unwatch() -> dict[str, Any]:
    return watches.pop().end()


COMMANDS: dict[str, Callable[..., object]] = {
    "read": read,
    "watch": watch,
    "unwatch": unwatch,
    "write": write,
    "write_many": write_many,
    "write_and_read": write_and_read,
    "hold": hold,
    "join": join,
    "joined_read": joined_read,
    "release": release,
    "die_before_hooks": die_before_hooks,
    **talks.COMMANDS,
}
