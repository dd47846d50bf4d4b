"""Without PostgreSQL what is known is served for 15 minutes, marked; what is not known fails, and soon."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Answer, Environment, NewWorker, Service, at_once, production_service
from tests.faults.history import Read, pretty
from tests.faults.workers import Watched, Worker
from tests.promises import Figure
from tests.waiting import wait_until

Fault = Callable[[Environment], AbstractContextManager[None]]
CROWD = 20  # more than a process has connections
STALE_SECONDS = 900  # settings.COPY_STALE_IF_ERROR_SECONDS
UNCACHED = ("conversations/", "personalities/", f"conversations/{UUID(int=1)}/messages/")
EDIT = "UPDATE personalities_personality SET greeting = '7' WHERE personality_name = %s"


@contextmanager
def frozen(environment: Environment) -> Iterator[None]:
    """SIGSTOP for all its processes: connections stay, the kernel accepts new ones, nobody answers."""
    environment.postgres.freeze()
    try:
        yield
    finally:
        environment.postgres.thaw()


@contextmanager
def halted(environment: Environment) -> Iterator[None]:
    """A shutdown: connections are closed, and new ones refused."""
    environment.postgres.halt()
    try:
        yield
    finally:
        environment.postgres.restart()
        environment.writer.close()  # it has no requests, at whose beginning a server would look at its connection
        environment.writer = environment.worker()


class Outage:
    """PostgreSQL stops while processes serve, and comes back: what they did meanwhile and afterwards.

    Who takes part: the `service`; `worker`, which reads all the time; `old`, whose clock is put forward; `newborn`,
    which has read nothing before. The names in `warm` are in memory, `shared` is only in Redis, `cold` nowhere.
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

    def __init__(self, environment: Environment, new: NewWorker, service: Service) -> None:
        self.environment, self.service = environment, service
        self.warm, self.cold = ([f"f-{secrets.token_hex(5)}" for _ in range(count)] for count in (4, CROWD))
        self.shared = f"f-{secrets.token_hex(5)}"
        environment.create(*self.warm, self.shared, *self.cold[:4])
        self.worker, self.old, self.newborn, other = (new() for _ in range(4))
        other.read(self.shared)
        for name in self.warm:
            self.old.read(name)
            assert service.personality(name).status == 200
        self.worker.watch(self.warm, threads=4, pause=(0, 0.01))

    def happen(self, fault: Fault, seconds: float) -> None:
        """Let it happen for `seconds` at least."""
        with fault(self.environment):
            since = time.monotonic()
            wait_until(lambda: self.worker.read(self.warm[0]).unverified, 5)
            self.noticed = time.monotonic() - since
            wait_until(lambda: self.service.personality(self.warm[0]).is_marked, 5)  # each process notices by itself
            self._suffer()
            while time.monotonic() < since + seconds:
                self.worker.read(self.cold[0])  # somebody always asks
        self._recover()

    def _suffer(self) -> None:
        """All at the same time: those that wait for PostgreSQL must not keep others from what is known."""
        with ThreadPoolExecutor() as pool:
            unknown_answers = pool.submit(self.service.personalities, self.cold)
            unknown = pool.submit(at_once, [self.worker], self.cold)
            first = pool.submit(self.newborn.read, self.warm[0])
            uncached = [pool.submit(self.service.get, f"/api/v1/{path}") for path in UNCACHED]
            self.known_answers = [answer for _ in range(5) for answer in self.service.personalities(self.warm)]
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
        """No process is restarted, and the clock of `old` stays forward."""
        since = time.monotonic()
        wait_until(lambda: all(map(self._is_well, (self.worker, self.old, self.newborn))), 60)
        self.recovered = time.monotonic() - since
        self.unknown_again, self.answers_again = (
            at_once([self.worker], self.cold)[1],
            self.service.personalities(self.cold),
        )
        since = time.monotonic()
        self.environment.sql(EDIT, self.warm[0])
        wait_until(lambda: self.worker.read(self.warm[0]).version == 7, 60)
        self.edited = time.monotonic() - since
        self.watched = self.worker.unwatch()
        wait_until(lambda: self.service.personality(self.cold[-1]).status == 404, 60)  # for the next outage

    def _is_well(self, worker: Worker) -> bool:
        read = worker.read(self.warm[0])
        return not read.unverified and not read.error


SECONDS = 20 if LONG else 0  # that it lasts at least
NOTICED, SOON, IN_TIME, BACK = 1.3, 2.5, 6.0, 5.0  # seconds
LAST = 14.4 * 60  # seconds: the age up to which the test looks, at least


@pytest.fixture(scope="module")
def running(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all outages."""
    with (
        environment.workers() as new,
        production_service(environment, new().ask("issue", count=1)[0], tmp_path_factory.mktemp("service")) as running,
    ):
        yield running


@pytest.fixture(scope="module", params=[frozen, halted], ids=["frozen", "halted"])
def outage(environment: Environment, running: Service, request: Any) -> Iterator[Outage]:
    """From the first second to the recovery."""
    with environment.workers() as new:
        outage = Outage(environment, new, running)
        outage.happen(request.param, SECONDS)
        yield outage


@pytest.fixture
def state(request: Any) -> str:
    return f"PostgreSQL {request.node.callspec.id}"


def slowest(reads: Sequence[Read]) -> float:
    return max(read.end - read.start for read in reads) / 1e9


def outcomes(reads: Sequence[Read]) -> str:
    """Return how reads ended: `2 OperationalError, 3 near`."""
    found = Counter(read.error.partition(":")[0] or read.source for read in reads)
    return ", ".join(f"{count} {what}" for what, count in sorted(found.items()))


def test_postgres_down__known_names__served_marked_for_15_minutes(outage: Outage, state: str, figure: Figure) -> None:
    errors = [read for read in (*outage.known, *outage.watched.reads) if read.error]
    marked = all(read.unverified for read in outage.known) and outage.noticed <= NOTICED
    growing = outage.ages == sorted(outage.ages) and LAST < outage.ages[-1] < STALE_SECONDS
    figure(
        12,
        f"{state}: names that are known",
        f"served, marked after {NOTICED} s, for 15 minutes, then no more",
        measured=f"{len(errors)} errors in {sum(outage.watched.counts)} reads, marked after {pretty(outage.noticed)}; "
        f"{outcomes(outage.known)} up to minute {outage.ages[-1] / 60:.1f}; then {outcomes([outage.too_late])}",
        met=not errors and marked and growing and outcomes([outage.too_late]) == "1 OperationalError",
        why=f"errors: {errors[:3]}\nages: {outage.ages}\nreads: {outage.known}\nafter 15 minutes: {outage.too_late}",
    )


def test_postgres_down__unknown_names__fail_soon(outage: Outage, state: str, figure: Figure) -> None:
    reads = [*outage.unknown, outage.too_late]
    figure(
        12.1,
        f"{state}: {CROWD} names at once that are not known",
        f"OperationalError within {SOON} s",
        measured=f"{outcomes(reads)}, slowest {pretty(slowest(reads))}",
        met=outcomes(reads) == f"{CROWD + 1} OperationalError" and slowest(reads) <= SOON,
        why=f"{reads[:3]}",
    )


def test_postgres_down__first_read_of_a_process__fails_soon(outage: Outage, state: str, figure: Figure) -> None:
    figure(
        12.2,
        f"{state}: the first read of a process",
        f"OperationalError within {SOON} s",
        measured=f"{outcomes([outage.first])}, {pretty(slowest([outage.first]))}",
        met=outcomes([outage.first]) == "1 OperationalError" and slowest([outage.first]) <= SOON,
        why=f"{outage.first}",
    )


def test_postgres_down__over_http__known_200_unknown_503(outage: Outage, state: str, figure: Figure) -> None:
    unknown, known = outage.unknown_answers, outage.known_answers
    longest = max(answer.seconds for answer in unknown)
    refused = all(answer.status == 503 and "Retry-After" in answer.response.headers for answer in unknown)
    served = all(answer.status == 200 and answer.is_marked for answer in known)
    figure(
        12.3,
        f"{state}: {CROWD} such names at once over HTTP, and meanwhile known ones",
        f"503 with Retry-After within {SOON} s, and meanwhile 200, marked",
        measured=f"{dict(Counter(answer.status for answer in unknown))} within {pretty(longest)}; "
        f"{dict(Counter(answer.status for answer in known))} within {pretty(max(answer.seconds for answer in known))}",
        met=refused and served and longest <= SOON,
        why=f"{[(answer, answer.response.headers) for answer in (*unknown[:2], *known[:2])]}",
    )


def test_postgres_down__what_is_never_cached__503_in_time(outage: Outage, state: str, figure: Figure) -> None:
    answers = outage.uncached_answers
    longest = max(answer.seconds for answer in answers)
    refused = all(answer.status == 503 and "Retry-After" in answer.response.headers for answer in answers)
    figure(
        12.5,
        f"{state}: what is asked of PostgreSQL each time: lists, conversations",
        f"503 with Retry-After within {IN_TIME} s",
        measured=f"{dict(Counter(answer.status for answer in answers))} within {pretty(longest)}",
        met=refused and longest <= IN_TIME,
        why=f"{[(answer, answer.response.headers) for answer in answers]}",
    )


def test_postgres_back__nobody_restarted__all_as_before(outage: Outage, state: str, figure: Figure) -> None:
    watched, statuses = outage.watched, Counter(answer.status for answer in outage.answers_again)
    well = not any(read.error for read in outage.unknown_again) and statuses.keys() == {200, 404}
    moving = not watched.stuck and max(watched.quiet) < 1
    figure(
        12.4,
        f"{state} and back: no mark, no error, no thread stuck, an edit shows",
        f"within {BACK:.0f} s, and the edit within 1.2 s",
        measured=f"{pretty(outage.recovered)}, then {outcomes(outage.unknown_again)}; {dict(statuses)} over HTTP; "
        f"the edit {pretty(outage.edited)}; {watched.stuck} stuck",
        met=outage.recovered <= BACK and well and moving and outage.edited <= 1.2,
        why=f"quiet for {watched.quiet} s; {outage.unknown_again[:3]}",
    )
