"""Worker processes as the tests see them."""

import json
import socket
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.history import Commit, History, Read
from tests.faults.servers import kill
from tooling.processes import tail

MAX_SECONDS = 100.0  # seconds for one answer


class WorkerDied(Exception):
    """A worker ended instead of answering; the message is the end of the workers' log."""


class Watched(NamedTuple):
    """What a worker's threads read: `reads` for the judge, `counts` of reads by thread, `quiet` seconds since each
    thread's last one, and how many are `stuck` in one for good."""

    reads: list[Read]
    counts: list[int]
    quiet: list[float]
    stuck: int

    def into(self, history: History) -> None:
        """Add the reads to a history."""
        history.reads += self.reads
        history.uneventful += max(sum(self.counts) - len(self.reads), 0)


class Worker:
    """A process of the service. It ends with `close`, or with the tests."""

    def __init__(self, channel: socket.socket, log: Path) -> None:
        channel.settimeout(MAX_SECONDS)
        self._channel, self._answers, self._log = channel, channel.makefile(), log
        self.pid = int(self.answer())
        self.name = f"worker {self.pid}"

    def __repr__(self) -> str:
        return self.name

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def read(self, name: str, owner: int | None = None) -> Read:
        """Read a name once."""
        return self.event(self.ask("read", name=name, owner=owner))

    def watch(
        self,
        names: Collection[str],
        *,
        threads: int = 1,
        pause: tuple[float, float] = (0, 0.001),
        every: bool = False,
    ) -> None:
        """Read these names again and again, until `unwatch`; between reads is a random pause (seconds, from and to).

        Returns when each thread has read each name once. Of equal reads in a row the first and the last are reported,
        unless `every` is set.
        """
        self.ask("watch", names=list(names), threads=threads, pause=pause, every=every)

    def unwatch(self) -> Watched:
        """End what `watch` began; return what was read."""
        answer = self.ask("unwatch")
        reads = [self.event(row) for row in answer["rows"]]
        return Watched(reads, answer["counts"], [quiet / 1e9 for quiet in answer["quiet"]], answer["stuck"])

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def write(self, path: str, name: str, serial: int, **options: Any) -> Commit:
        """Write by one of `writes.PATHS`; return the commit."""
        return Commit(*self.ask("write", path=path, name=name, serial=serial, **options))

    def begin_writes(self, path: str, names: Sequence[str], first: int, count: int, **limits: float) -> None:
        """Begin `count` writes, to one name after the other.

        Limits: random `pause`s of up to so many seconds, and `seconds` in all.
        """
        options = {"first": first, "count": count, "pause": 0, "seconds": MAX_SECONDS / 2, **limits}
        self.send("write_many", path=path, names=list(names), **options)

    def end_writes(self) -> list[Commit]:
        """Return the commits of what `begin_writes` began."""
        return [Commit(*row) for row in self.answer()]

    def write_many(self, path: str, names: Sequence[str], first: int, count: int, **limits: float) -> list[Commit]:
        """Write `count` times, to one name after the other; return the commits."""
        self.begin_writes(path, names, first, count, **limits)
        return self.end_writes()

    def write_and_read(self, path: str, name: str, serial: int, **options: Any) -> tuple[Commit, Read, Read]:
        """Write, then read the name (or `of` another) in the same thread, then in another thread."""
        options = {"of": name, **options}
        written, own, other = self.ask("write_and_read", path=path, name=name, serial=serial, **options)
        return Commit(*written), self.event(own), self.event(other)

    # ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def hold(self, name: str) -> None:
        """Begin a read that stops between the row and the fill; returns when it is there."""
        self.ask("hold", name=name)

    def join(self, name: str) -> None:
        """Begin another read of the same name, which has to wait for the one that `hold` began."""
        self.ask("join", name=name)

    def joined_read(self) -> Read:
        """Return how the read that `join` began has ended, after `release`."""
        return self.event(self.ask("joined_read"))

    def release(self) -> Read:
        """Let the held read go on; return how it ended."""
        return self.event(self.ask("release"))

    def kill_before_commit_hooks(self, path: str, name: str, serial: int) -> None:
        """Write, and die by SIGKILL between COMMIT and the first commit hook; returns when it is dead."""
        self.ask("kill_before_commit_hooks")
        self.send("write", path=path, name=name, serial=serial)
        assert self._answers.readline() == "", "it outlived its commit hooks"

    def kill(self) -> None:
        """End the process by SIGKILL."""
        kill(self.pid)
        assert self._answers.readline() == ""

    # ── The channel ──────────────────────────────────────────────────────────────────────────────────────────────────
    def ask(self, command: str, **arguments: Any) -> Any:
        """Give one of `worker.COMMANDS`; return the answer."""
        self.send(command, **arguments)
        return self.answer()

    def send(self, command: str, **arguments: Any) -> None:
        """Give a command, for `answer` to wait for."""
        self._channel.sendall(json.dumps({"do": command, **arguments}).encode() + b"\n")

    def event(self, row: Sequence[Any]) -> Read:
        """Return a row that this worker answered as a read."""
        return Read(row[0], row[1], self.name, *row[2:])

    def close(self) -> None:
        """Close the channel, which ends the process."""
        self._answers.close()
        self._channel.close()

    def answer(self) -> Any:
        """Return the answer to the command sent first of those that have none yet."""
        if not (line := self._answers.readline()):
            raise WorkerDied(tail(self._log, 40))
        return json.loads(line)
