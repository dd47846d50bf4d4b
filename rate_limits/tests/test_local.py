"""All processes together never admit more than a fifth above the limit, whenever Redis comes and goes."""

import os
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from rate_limits.gcra import Limit, Rate
from rate_limits.local import LocalLimiter
from rate_limits.tests.conftest import Ask, names
from tests.waiting import Clock

RATE = Rate(30, 3600)
WORKERS = [1, 2, 3, 6, 10]


class Service:
    """Several processes and one Redis, which a test takes away from all of them at once."""

    def __init__(self, ask: Ask, workers: int, rate: Rate = RATE) -> None:
        self.clock = Clock(1_700_000_000)
        self.processes = [LocalLimiter(self.clock) for _ in range(workers)]
        self.limit, self.other = Limit(next(names), rate), Limit(next(names), Rate(99_999, 1))
        self.ask, self.away = ask, False
        self.admitted: list[float] = []

    def request(self, worker: int) -> bool:
        allowed = self._request(self.processes[worker % len(self.processes)], self.limit)
        self.admitted += [self.clock.now] * allowed
        return allowed

    def burst(self, size: int = 100) -> int:
        return sum(self.request(each) for each in range(size))

    def toggle(self) -> None:
        """Take Redis away or bring it back; a request for another subject shows it to each process."""
        self.away = not self.away
        for process in self.processes:
            self._request(process, self.other)

    def _request(self, process: LocalLimiter, limit: Limit) -> bool:
        """The decisions of `limiter.aadmit_all`, on the test's clock."""
        limits, workers = [limit], len(self.processes)
        if not process.may_redis_lack_reports(limits, workers):
            allowed = self._by_redis(process, limit)
        elif not process.admit(limits, workers, shared=True, report=False).allowed:
            return False
        elif not (allowed := self._by_redis(process, limit)):
            process.refund(limits, workers)
        return process.admit(limits, workers, shared=True).allowed if allowed is None else allowed

    def _by_redis(self, process: LocalLimiter, limit: Limit) -> bool | None:
        limits, workers, asked = [limit], len(self.processes), process.now()
        claims = process.take_claims(limits, workers)
        if self.away:
            process.mark_redis_away()
            process.return_claims(limits, claims, workers)
            return None
        allowed, backlogs = self.ask(limits, self.clock.now, claims)  # type: ignore[call-arg]
        process.record_reply(limits, backlogs, asked)
        return allowed


def assert_bounded(admitted: list[float], rate: Rate) -> None:
    """Check that no span of time saw more than 1.2 times what the rate allows in it."""
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            allowed = rate.limit + Fraction(int((admitted[last] - start) * 1_000_000), rate.interval)
            assert last - first + 1 <= allowed * Fraction(6, 5), (first, last)


@pytest.mark.parametrize("workers", WORKERS)
def test_share__lost_when_all_was_used__a_fifth_more_at_most(ask_at: Ask, workers: int) -> None:
    service = Service(ask_at, workers)
    assert service.burst() == 30
    service.toggle()
    assert service.burst() <= 6


@pytest.mark.parametrize("workers", WORKERS)
def test_share__away_for_a_window__all_together_admit_the_limit(ask_at: Ask, workers: int) -> None:
    service = Service(ask_at, workers)
    service.toggle()
    service.clock.now += RATE.window
    assert service.burst() == 30 // workers * workers


def test_share__less_than_one_request__refused(ask_at: Ask) -> None:
    service = Service(ask_at, 31)
    service.toggle()
    service.clock.now += 2 * RATE.window
    assert service.burst() == 0


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("those", [1, 10])
def test_share__redis_is_back__what_was_admitted_counts(ask_at: Ask, workers: int, those: int) -> None:
    """Also while only some processes ask again, and the others have not reported to Redis yet."""
    service = Service(ask_at, workers)
    service.toggle()
    service.clock.now += RATE.window
    before = service.burst()
    service.toggle()
    after = sum(service.request(number % those) for number in range(100))
    assert before + after <= 36


def test_share__a_blip__redis_alone_decides_at_once(ask_at: Ask) -> None:
    service = Service(ask_at, 2)
    service.toggle()
    service.toggle()
    assert sum(service.request(0) for _ in range(100)) == 30


@pytest.mark.parametrize(("workers", "seconds", "may_lack"), [(1, 2, False), (2, 2, True), (2, 1, False)])
def test_share__redis_is_back__others_may_not_have_reported(workers: int, seconds: int, may_lack: bool) -> None:
    """Unless there are no others, or it was away for a moment."""
    process, limit = LocalLimiter(Clock(1000.0)), Limit("back", RATE)
    process.mark_redis_away()
    process.clock.now += seconds  # type: ignore[attr-defined]
    process.record_reply([limit], [0], process.now())
    assert process.may_redis_lack_reports([limit], workers) == may_lack


@pytest.mark.parametrize(("seconds", "owed"), [(600, 120), (3660, 60)])
def test_share__what_redis_is_owed__does_not_drain_while_what_it_knew_may(seconds: int, owed: int) -> None:
    """A whole window from when it went away: both at once would drain twice as fast."""
    process, limit = LocalLimiter(Clock(1000.0)), Limit("owed", RATE)
    assert process.admit([limit], 1, shared=True).allowed
    process.clock.now += seconds  # type: ignore[attr-defined]
    (claim,) = process.take_claims([limit], 1)
    assert claim.unreported == owed * 1_000_000


def test_share__told_twice__counted_once(ask_at: Ask) -> None:
    service = Service(ask_at, 1)
    service.toggle()
    service.request(0)
    service.toggle()
    assert service.burst() == 29


def test_share__no_redis_at_all__is_there_at_once() -> None:
    process, limit = LocalLimiter(Clock(1000.0)), Limit("alone", RATE)
    verdicts = [process.admit([limit], 2, shared=False) for _ in range(20)]
    assert sum(verdict.allowed for verdict in verdicts) == 15
    assert [verdict.remaining for verdict in verdicts[:2]] == [14, 13]
    assert verdicts[-1].retry_after == 240


def test_process__more_subjects_than_fit__the_least_recent_is_forgotten() -> None:
    process = LocalLimiter(Clock(1000.0), capacity=2)
    one, two, three = (Limit(name, Rate(1, 60)) for name in ("one", "two", "three"))
    for limit in (one, two, three):
        assert process.admit([limit], 1, shared=False).allowed
    assert [process.admit([limit], 1, shared=False).allowed for limit in (three, two, one)] == [False, False, True]


FORK = """
import os, signal, sys
from rate_limits.gcra import Limit, Rate
from rate_limits.local import local_limiter
limits = [Limit("alone", Rate(1, 60))]
assert local_limiter.admit(limits, 1, shared=False).allowed
with local_limiter._lock:  # as if another thread were in the middle of something
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if local_limiter.admit(limits, 1, shared=False).allowed else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_fork__while_another_thread_admits__the_child_starts_afresh() -> None:
    subprocess.run([sys.executable, "-c", FORK], env=os.environ, check=True, timeout=60)


step = some.one_of(
    some.tuples(some.just("burst"), some.integers(0, 40)),
    some.tuples(some.just("by one"), some.integers(0, 9)),
    some.tuples(some.just("pause"), some.sampled_from([1, 60, 120, 700, 1800, 3600, 7200])),
    some.tuples(some.just("toggle"), some.just(0)),
)


@given(some.sampled_from(WORKERS), some.lists(step, max_size=40))
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_share__redis_comes_and_goes__a_fifth_more_at_most(
    ask_at: Ask, workers: int, steps: list[tuple[str, int]]
) -> None:
    service = Service(ask_at, workers)
    for what, number in steps:
        match what:
            case "burst":
                service.burst(number)
            case "by one":
                for _ in range(40):
                    service.request(number)
            case "pause":
                service.clock.now += number
            case _:
                service.toggle()
    assert_bounded(service.admitted, RATE)
