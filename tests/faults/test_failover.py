"""A failover or a restore that loses commits does not bring them back, whatever their numbers."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.failover import (
    EDIT,
    LOST,
    TRUE,
    Database,
    Group,
    Pair,
    Restored,
    Rewound,
    put_clock_ahead,
    put_numbers_ahead,
)  # fmt: skip
from tests.faults.history import Read, pretty
from tests.faults.scenarios import BOUND
from tests.faults.servers import pause
from tests.promises import Figure

SECONDS, EVERY = (60, 5) if LONG else (3, 1)  # newcomers come every so many seconds
ROUNDS = SECONDS // EVERY
GIVEN_UP = 5.0  # seconds after which a process has certainly found the new primary, however busy the machine is


def leave(database: Database) -> None:
    """Its clock is right, and its numbers are those of the clock."""


class Case(NamedTuple):
    """How commits are lost, where the numbers of the lost ones lie, and whether any process lives on that knew them."""

    way: str
    make: Callable[[Path, Environment], Database]
    shift: Callable[[Database], None]
    alive: bool
    before: str

    def __str__(self) -> str:
        return f"{self.way}, readers {'alive' if self.alive else 'new'}"


CASES = [
    Case("failover, clock level", Pair, leave, alive=True, before="0"),
    Case("failover, clock level", Pair, leave, alive=False, before="14, to the end"),
    Case("failover, new primary behind by 20 s", Pair, put_clock_ahead, alive=True, before="0"),
    Case("failover, new primary behind by 20 s", Pair, put_clock_ahead, alive=False, before="14, to the end"),
    Case("failover, numbers ahead by 30 s", Pair, put_numbers_ahead, alive=True, before="20, to the end"),
    Case("failover, numbers ahead by 30 s", Pair, put_numbers_ahead, alive=False, before="12, to the end"),
    Case("restored dump, numbers ahead by 30 s", Restored, put_numbers_ahead, alive=True, before="19, to the end"),
    Case("restored dump, numbers ahead by 30 s", Restored, put_numbers_ahead, alive=False, before="10, to the end"),
    Case("restored snapshot of the disk, clock level", Rewound, leave, alive=True, before="0"),
    Case("restored snapshot of the disk, clock level", Rewound, leave, alive=False, before="5, to the end"),
]
CHOSEN = CASES if LONG else [CASES[1], CASES[6], CASES[9]]


class Loss:
    """One database that loses a commit, and two groups of processes that have read it."""

    def __init__(self, case: Case, database: Database, groups: list[Group], names: list[str]) -> None:
        """A round reads one of `names` that no new process has read before, for what it reads replaces what lies in
        Redis. The last of them changes meanwhile.
        """
        self.case, self.database, self.groups, self.names = case, database, groups, names[:-1]
        self.other = names[-1]

    def prepare(self) -> None:
        """Have everybody read a commit that is to be lost."""
        for group in self.groups:
            group.begin(self.names[0])
        self.database.keep()
        self.case.shift(self.database)
        self.database.sql(EDIT, str(LOST), self.names)
        for group in self.groups:
            group.know(self.names, LOST)

    def happen(self) -> None:
        """Lose it; whoever died before comes back, when something else was committed."""
        for group in self.groups:
            group.fall()
        self.happened = self.database.lose()
        self.database.sql(EDIT, "7", [self.other])
        for group in self.groups:
            group.rise(self.names[0])

    def go_on(self, nth: int) -> None:
        """Commit something else, and let new processes read."""
        self.database.sql(EDIT, "7", [self.other])
        for group in self.groups:
            group.newcomer(self.names[nth])

    def end(self) -> list[Read]:
        """Stop; return all that was read since the loss."""
        for group in self.groups:
            group.end()
        return [read for group in self.groups for read in group.reads if read.end > self.happened]

    def is_late(self, read: Read, seconds: float = BOUND) -> bool:
        """Whether it began so many seconds after the loss."""
        return (read.start - self.happened) / 1e9 > seconds

    def is_wrong(self, read: Read) -> bool:
        """Whether it shows the lost commit as true, or long after the loss even as unverified, or has failed."""
        is_late = self.is_late(read, GIVEN_UP if read.unverified else BOUND)
        return is_late and (read.version != TRUE or bool(read.error))


@pytest.fixture
def losses(environment: Environment, name: str, tmp_path: Path) -> Iterator[list[Loss]]:
    """All cases, each with processes of its own."""
    names = [f"{name}-{number}" for number in range(ROUNDS + 2)]
    environment.create(*names, serial=TRUE)
    with ExitStack() as ends:
        losses = list[Loss]()
        for case in CHOSEN:
            database = case.make(tmp_path / str(len(losses)), environment)
            ends.callback(database.close)
            new = ends.enter_context(environment.workers())
            made = [
                Group(environment, new, database.url, alive=case.alive, flushed=flushed) for flushed in (True, False)
            ]
            losses.append(Loss(case, database, made, names))
        yield losses


@pytest.mark.timeout(600 if LONG else 120)
def test_lost_commit__read_before__never_read_again(losses: list[Loss], figure: Figure) -> None:
    for loss in losses:
        loss.prepare()
    for loss in losses:
        loss.happen()
    start = time.monotonic_ns()
    for nth in range(1, ROUNDS + 1):
        pause(nth * EVERY, start)
        for loss in losses:
            loss.go_on(nth)
    for loss in losses:
        reads = loss.end()
        wrong = [read for read in reads if loss.is_wrong(read)]
        last = max(((read.end - loss.happened) / 1e9 for read in reads if read.version == LOST), default=0)
        figure(
            "B11",
            f"{loss.case}, Redis alive or flushed",
            f"0 lost reads after {BOUND} s, for {SECONDS} s",
            measured=f"{len(wrong)}, the last lost read after {pretty(last)}",
            met=not wrong and sum(loss.is_late(read) for read in reads) >= len(loss.groups),
            why="\n".join(map(str, wrong[:10])),
            before=loss.case.before,
        )
