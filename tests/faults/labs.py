"""Labs: workers that measure."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Protocol
from unittest import mock

from tests.faults.history import Read
from tests.faults.stage import Stage
from tests.faults.workers import Worker

LAB = (sys.executable, "-m", "tests.faults.lab")
HEAD_START = 100_000_000  # ns


class Labs(Protocol):
    def __call__(self, *, without: Sequence[str] = (), **environment: str) -> Worker: ...


@contextmanager
def labs(stage: Stage) -> Iterator[Labs]:
    """`new(REDIS_ENABLED="false")` is a process that has read nothing yet; all end with the block."""
    with ExitStack() as ends:

        def new(*, without: Sequence[str] = (), **environment: str) -> Worker:
            with mock.patch.object(stage, "_nursery", _nursery(stage, **environment)):
                lab = stage.worker(without=without)
            ends.callback(lab.close)
            return lab

        yield new


@cache
def _nursery(stage: Stage, **environment: str) -> Worker:
    """The lab that labs with these settings are forked from. It asks no server anything itself."""
    with mock.patch("tests.faults.stage.WORKER", LAB):
        return stage.start_worker(**environment)


def at_once(labs: Sequence[Worker], names: Sequence[str]) -> tuple[int, list[Read]]:
    """In each of them a thread for each name reads it, all at one moment: how often they asked for a row, and what
    they read.
    """
    for lab in labs:
        lab.send("line_up", names=list(names))
    for lab in labs:
        lab.answer()
    at = time.monotonic_ns() + HEAD_START
    for lab in labs:
        lab.send("read_at", at=at)
    answers = [(lab, *lab.answer()) for lab in labs]
    return sum(asked for _, asked, _ in answers), [lab.event(row) for lab, _, rows in answers for row in rows]
