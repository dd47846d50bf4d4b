"""PostgreSQL stops while processes serve, and comes back: what they did meanwhile and afterwards."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from tests.faults.history import Read
from tests.faults.labs import Labs, at_once
from tests.faults.site import Answer, Site
from tests.faults.stage import Stage
from tests.faults.workers import Watched, Worker
from tests.waiting import wait_until

Ill = Callable[[Stage], AbstractContextManager[None]]
CROWD = 20  # more than a process has connections
STALE_SECONDS = 900  # settings.PERSONALITY_STALE_IF_ERROR_SECONDS
UNCACHED = ("conversations/", "personalities/", f"conversations/{UUID(int=1)}/messages/")
EDIT = "UPDATE personalities_personality SET greeting = '7' WHERE personality_name = %s"


@contextmanager
def frozen(stage: Stage) -> Iterator[None]:
    """SIGSTOP for all its processes: connections stay, the kernel accepts new ones, nobody answers."""
    stage.postgres.freeze()
    try:
        yield
    finally:
        stage.postgres.thaw()


@contextmanager
def halted(stage: Stage) -> Iterator[None]:
    """A shutdown: connections are closed, and new ones refused."""
    stage.postgres.halt()
    try:
        yield
    finally:
        stage.postgres.restart()
        stage.writer.close()  # it has no requests, at whose beginning a server would look at its connection
        stage.writer = stage.worker()


class Outage:
    """Who takes part: the site; `lab`, which is watched all the time; `old`, whose clock is put forward; `newborn`,
    which has read nothing before. The names in `warm` are known near, `shared` is only in Redis, `cold` nowhere.
    """

    noticed: float  # seconds until answers were marked
    recovered: float  # seconds until they no longer were
    edited: float  # seconds until a new edit showed
    known: list[Read]  # over 14.5 minutes
    ages: list[float]  # at the beginning, and so on to minute 14.5
    too_late: Read  # after 15 minutes
    unknown: list[Read]
    first: Read  # of the newborn
    known_answers: list[Answer]
    unknown_answers: list[Answer]
    uncached_answers: list[Answer]
    unknown_again: list[Read]
    answers_again: list[Answer]
    watched: Watched

    def __init__(self, stage: Stage, new: Labs, site: Site) -> None:
        self.stage, self.site = stage, site
        self.warm, self.cold = ([f"f-{secrets.token_hex(5)}" for _ in range(count)] for count in (4, CROWD))
        self.shared = f"f-{secrets.token_hex(5)}"
        stage.create(*self.warm, self.shared, *self.cold[:4])
        self.lab, self.old, self.newborn, other = (new() for _ in range(4))
        other.read(self.shared)
        for name in self.warm:
            self.old.read(name)
            assert site.personality(name).status == 200
        self.lab.watch(self.warm, threads=4, pause=(0, 0.01))

    def happen(self, ill: Ill, seconds: float) -> None:
        """For so long at least."""
        with ill(self.stage):
            since = time.monotonic()
            wait_until(lambda: self.lab.read(self.warm[0]).unverified, 5)
            self.noticed = time.monotonic() - since
            wait_until(lambda: self.site.personality(self.warm[0]).is_marked, 5)  # each process notices by itself
            self._suffer()
            while time.monotonic() < since + seconds:
                self.lab.read(self.cold[0])  # somebody always asks
        self._recover()

    def _suffer(self) -> None:
        """All at the same time: who waits for PostgreSQL must not keep the others from what is known."""
        with ThreadPoolExecutor() as pool:
            unknown_answers = pool.submit(self.site.personalities, self.cold)
            unknown = pool.submit(at_once, [self.lab], self.cold)
            first = pool.submit(self.newborn.read, self.warm[0])
            uncached = [pool.submit(self.site.get, f"/api/v1/{path}") for path in UNCACHED]
            self.known_answers = [answer for _ in range(5) for answer in self.site.personalities(self.warm)]
            self._grow_old()
        self.uncached_answers = [answer.result() for answer in uncached]
        self.unknown_answers, (_, self.unknown), self.first = unknown_answers.result(), unknown.result(), first.result()

    def _grow_old(self) -> None:
        self.known, self.ages = [], []
        for minutes in (0, 5, 10, 14.5):
            self.old.ask("later", seconds=minutes * 60)
            self.known += [self.old.read(name) for name in (*self.warm, self.shared)]
            self.ages.append(self.old.ask("age", name=self.warm[0]))
        self.old.ask("later", seconds=STALE_SECONDS)
        self.too_late = self.old.read(self.warm[0])

    def _recover(self) -> None:
        """Nobody is restarted; and for `old` it stays as late as it is."""
        since = time.monotonic()
        wait_until(lambda: all(map(self._is_well, (self.lab, self.old, self.newborn))), 60)
        self.recovered = time.monotonic() - since
        self.unknown_again, self.answers_again = at_once([self.lab], self.cold)[1], self.site.personalities(self.cold)
        since = time.monotonic()
        self.stage.sql(EDIT, self.warm[0])
        wait_until(lambda: self.lab.read(self.warm[0]).version == 7, 60)
        self.edited = time.monotonic() - since
        self.watched = self.lab.unwatch()
        wait_until(lambda: self.site.personality(self.cold[-1]).status == 404, 60)  # for the next outage

    def _is_well(self, lab: Worker) -> bool:
        read = lab.read(self.warm[0])
        return not read.unverified and not read.error
