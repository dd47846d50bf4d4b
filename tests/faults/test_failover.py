"""Promise B11: a failover or a restore that loses commits does not bring them back, whatever their numbers."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment, NewWorker
from tests.faults.failover import (
    EDIT,
    LOST,
    TRUE,
    Database,
    Group,
    Pair,
    Restored,
    put_clock_ahead,
    put_numbers_ahead,
)  # fmt: skip
from tests.faults.history import Read, pretty
from tests.faults.scenarios import BOUND
from tests.promises import Figure

SECONDS = 60 if LONG else 2
EVERY = 5 if LONG else 1  # seconds between newcomers
GIVEN_UP = 5.0  # seconds after which a process has certainly found the new primary, however busy the machine is


def leave(database: Database) -> None:
    """Its clock is right, and its numbers are those of the clock."""


class Case(NamedTuple):
    """How commits are lost, and where the numbers of the lost ones lie."""

    name: str
    make: Callable[[Path, Environment], Database]
    shift: Callable[[Database], None]


CASES = [
    Case("failover, clock level", Pair, leave),
    Case("failover, new primary behind by 20 s", Pair, put_clock_ahead),
    Case("failover, numbers ahead by 30 s", Pair, put_numbers_ahead),
    Case("restored dump, numbers ahead by 30 s", Restored, put_numbers_ahead),
]
CHOSEN = CASES if LONG else [CASES[0], CASES[3]]


class Loss:
    """One database that loses a commit, and four groups of processes that have read it."""

    def __init__(self, case: Case, database: Database, groups: list[Group], name: str) -> None:
        self.case, self.database, self.groups, self.name = case, database, groups, name

    def prepare(self) -> None:
        """Have everybody read a commit that is to be lost."""
        for group in self.groups:
            group.begin(self.name)
        self.database.keep()
        self.case.shift(self.database)
        self.database.sql(EDIT, str(LOST), self.name)
        for group in self.groups:
            group.know(self.name, LOST)

    def happen(self) -> None:
        """Lose it; whoever died comes back."""
        self.happened = self.database.lose()
        for group in self.groups:
            group.fall()
        for group in self.groups:
            group.rise(self.name)

    def go_on(self) -> None:
        """Commit something else, and let new processes read."""
        self.database.sql(EDIT, "7", f"{self.name}-other")
        for group in self.groups:
            group.newcomer(self.name)

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
    environment.create(name, f"{name}-other", serial=TRUE)
    with ExitStack() as ends:
        losses = list[Loss]()
        for case in CHOSEN:
            database = case.make(tmp_path / str(len(losses)), environment)
            ends.callback(database.close)
            new = ends.enter_context(environment.workers())
            losses.append(Loss(case, database, groups(environment, new, database.url), name))
        yield losses


def groups(environment: Environment, new: NewWorker, url: str) -> list[Group]:
    """Every combination of readers that live or die with Redis that is flushed or not."""
    fates = product((True, False), (True, False))
    return [Group(environment, new, url, alive=alive, flushed=flushed) for alive, flushed in fates]


def test_lost_commit__read_before__never_read_again(losses: list[Loss], figure: Figure) -> None:
    for loss in losses:
        loss.prepare()
    for loss in losses:
        loss.happen()
    over = time.monotonic() + BOUND + SECONDS
    while time.monotonic() < over:
        for loss in losses:
            loss.go_on()
        time.sleep(EVERY)
    for loss in losses:
        reads = loss.end()
        wrong = [read for read in reads if loss.is_wrong(read)]
        last = max(((read.end - loss.happened) / 1e9 for read in reads if read.version == LOST), default=0)
        figure(
            "B11",
            f"{loss.case.name}: readers alive or new, Redis alive or flushed",
            f"0 lost reads after {BOUND} s, for {SECONDS} s",
            measured=f"{len(wrong)}, the last lost read after {pretty(last)}",
            met=not wrong and sum(loss.is_late(read) for read in reads) >= len(loss.groups),
            why="\n".join(map(str, wrong[:10])),
        )
