"""A process under test, with the service's environment; environment.py starts it.

It obeys commands on standard input and answers each on standard output, a line of JSON both ways, and ends with its
input. Answers are plain JSON values; workers.py turns them into events again. An error in a command ends it too, with
the traceback on standard error; a read that fails is only recorded. The command `fork` makes another worker out of this
one, in a hundredth of the time; a server that forks its workers after loading the application does the same.
"""

import gc
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

import companion.urls  # noqa: F401  as a server has it: with the admin
from accounts import verification
from coherence.feed import feed
from personalities.cache import config_cache
from personalities.models import Personality
from personalities.owned_names import owned_names
from resilience.clock import clock
from resilience.redis_pool import breaker_of
from tests.faults import conversation_load, lookup_load, reads, user_load
from tests.faults.fault_injection import SAFEGUARDS, hold, join, joined_read, kill_before_commit_hooks, release
from tests.faults.reads import Row, Watch, read
from tests.faults.writes import PATHS

Written = tuple[int, int, str, int]  # started, returned, name, serial
watches: list[Watch] = []


def write(path: str, name: str, serial: int, **options: Any) -> Written:
    """Write by one of `writes.PATHS`."""
    started = time.monotonic_ns()
    PATHS[path](name, serial, **options)
    return started, time.monotonic_ns(), name, serial


def write_many(path: str, names: list[str], first: int, count: int, pause: float, seconds: float) -> list[Written]:
    """Write serial numbers from `first` on, to one name after the other, with random pauses of up to `pause` seconds.

    Ends after `count` writes or `seconds`, whichever comes first.
    """
    written: list[Written] = []
    end = time.monotonic() + seconds
    while len(written) < count and time.monotonic() < end:
        serial = first + len(written)
        written.append(write(path, names[serial % len(names)], serial))
        time.sleep(random.uniform(0, pause))
    return written


def write_and_read(path: str, name: str, serial: int, of: str, **options: Any) -> tuple[Written, Row, Row]:
    """Write, then read the name `of` in this thread and in another."""
    written, own = write(path, name, serial, **options), read(of)
    others: list[Row] = []
    thread = threading.Thread(target=lambda: others.append(read(of)))
    thread.start()
    thread.join()
    return written, own, others[0]


def watch(names: list[str], threads: int, pause: tuple[float, float], every: bool) -> None:
    """Begin to read; answer once each thread has read each name."""
    watches.append(Watch(names, threads, pause, every))
    watches[-1].wait_until_warm()


def unwatch() -> dict[str, Any]:
    """End what `watch` began last; answer what was read."""
    return watches.pop().end()


def invent(prefix: str, first: int, count: int, batch: int) -> int:
    """Look up `count` invented names, `batch` at a time; answer how many of them exist nonetheless.

    Keeps no name longer than needed, so that whatever the process grows by is the service's doing.
    """
    there = 0
    for start in range(first, first + count, batch):
        names = [f"{prefix}-{number}" for number in range(start, min(start + batch, first + count))]
        there += sum(answer.value is not None for answer in Personality.objects.lookup_many(names).values())
    return there


def memory() -> dict[str, int]:
    """Answer what this process holds: bytes of resident memory, and numbers of copies."""
    gc.collect()
    kept = {"found": len(config_cache.positive), "absent": len(config_cache.negative)}
    kept |= {"keys": len(verification.keys.negative), "owners": len(owned_names.positive)}
    return {"bytes": psutil.Process().memory_info().rss, **kept}


def age(name: str) -> float:
    """Answer how many seconds ago PostgreSQL confirmed what is known of this name."""
    return Personality.objects.lookup(name).age


def later(seconds: float) -> None:
    """Put the change feed's clock forward by so many seconds."""
    feed.clock = lambda: clock() + seconds


def breaker() -> str:
    """Answer the state of the circuit breaker of Redis, or "none"."""
    found = breaker_of()
    return found.state if found else "none"


COMMANDS: dict[str, Callable[..., object]] = {
    "number": lambda: feed.number,
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
    "kill_before_commit_hooks": kill_before_commit_hooks,
    "invent": invent,
    "memory": memory,
    "age": age,
    "later": later,
    "breaker": breaker,
    **reads.COMMANDS,
    **conversation_load.COMMANDS,
    **lookup_load.COMMANDS,
    **user_load.COMMANDS,
}


class Channel:
    """The two ways of this process, which a stray print cannot reach."""

    def __init__(self) -> None:
        self.commands, self._answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def answer(self, value: object) -> None:
        """Write one line of JSON."""
        self._answers.write(json.dumps(value) + "\n")
        self._answers.flush()

    def close(self) -> None:
        """Close both ways."""
        self.commands.close()
        self._answers.close()


def obey(channel: Channel) -> None:
    """Execute commands until the input ends."""
    channel.answer(os.getpid())
    for line in channel.commands:
        arguments: dict[str, Any] = json.loads(line)
        command = arguments.pop("do")
        if command != "fork":
            channel.answer(COMMANDS[command](**arguments))
        elif fork(**arguments):
            channel.answer(None)
        else:
            channel.close()
            become_worker(arguments["without"])


def fork(path: str, without: list[str]) -> bool:
    """Return whether we are still the parent. The child speaks through the Unix socket at `path` instead."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # or each dead child would stay in the process table
    if os.fork():
        return True
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        os.dup2(connection.fileno(), 0)
        os.dup2(connection.fileno(), 1)
    return False


def become_worker(without: list[str]) -> None:
    """Switch off the safeguards named in `without`, obey until the input ends, and exit."""
    for safeguard in without:
        SAFEGUARDS[safeguard]()
    obey(Channel())
    os._exit(0)  # a reader that hangs must not keep us
