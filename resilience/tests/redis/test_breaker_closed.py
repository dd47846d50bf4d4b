"""The circuit breaker by itself: what opens it. The clock is the test's, so nothing sleeps."""

import pytest

from resilience.circuit_breaker import Breaker
from tests.waiting import Clock


def test_refused__closed__opens_at_once_for_the_pause(breaker: Breaker, clock: Clock) -> None:
    breaker.refused()
    assert breaker.state == "open"
    for _ in range(2):
        assert breaker.is_open
        assert not breaker.allow()
        clock.now += 4.99


@pytest.mark.parametrize(("seconds", "state"), [((0, 1, 5), "open"), ((0, 1, 5.1), "closed"), ((0, 1), "closed")])
def test_timed_out__closed__the_third_within_the_window_opens(
    breaker: Breaker, clock: Clock, seconds: tuple[float, ...], state: str
) -> None:
    start = clock.now
    for second in seconds:
        assert breaker.allow()
        clock.now = start + second
        breaker.timed_out()
    assert breaker.state == state


def test_timed_out__window_slides__the_last_three_count(breaker: Breaker, clock: Clock) -> None:
    for pause in (0, 3, 3, 1):
        assert breaker.state == "closed"
        clock.now += pause
        breaker.timed_out()
    assert breaker.state == "open"


def test_timed_out__once_after_it_closed_again__stays_closed(breaker: Breaker, clock: Clock) -> None:
    breaker.retry_after = (0.1, 0.1)
    for _ in range(3):
        breaker.timed_out()
    clock.now += 0.1
    assert breaker.allow()
    breaker.succeeded()
    breaker.timed_out()
    assert breaker.state == "closed"


def test_lost__closed__stays_closed(breaker: Breaker) -> None:
    for _ in range(10):
        breaker.lost()
    assert breaker.state == "closed"
    assert breaker.allow()


def test_retry_after__default_and_set__is_the_range_of_the_jitter(clock: Clock) -> None:
    asked = []

    def jitter(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    breaker = Breaker(clock, jitter)
    breaker.refused()
    breaker.retry_after = (0.1, 0.2)
    clock.now += 2
    assert breaker.allow()
    breaker.refused()
    assert asked == [(2, 5), (0.1, 0.2), (0.1, 0.2)]
