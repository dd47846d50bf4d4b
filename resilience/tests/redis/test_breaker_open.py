"""The circuit breaker by itself: a probe, and what was sent before it opened."""

from collections.abc import Callable

import pytest

from resilience.circuit_breaker import Breaker
from resilience.redis_pool import BreakerOpen, check
from tests.waiting import Clock

FAILURES: list[Callable[[Breaker], None]] = [Breaker.refused, Breaker.timed_out, Breaker.lost]


@pytest.fixture
def half_open(breaker: Breaker, clock: Clock) -> Breaker:
    """A breaker whose probe is on its way."""
    breaker.refused()
    clock.now += 5
    assert breaker.allow()
    return breaker


def test_is_open__probe_due__false_and_leaves_the_probe_to_allow(breaker: Breaker, clock: Clock) -> None:
    breaker.refused()
    clock.now += 5
    assert [breaker.is_open for _ in range(3)] == [False] * 3
    assert breaker.allow()
    assert breaker.is_open


@pytest.mark.parametrize("fail", FAILURES)
def test_probe__fails__open_for_another_pause(
    half_open: Breaker, clock: Clock, fail: Callable[[Breaker], None]
) -> None:
    clock.now += 3
    fail(half_open)
    assert half_open.state == "open"
    clock.now += 4.99
    assert not half_open.allow()
    clock.now += 0.01
    assert half_open.allow()
    assert half_open.opened == 1


def test_probe__succeeds__closed(half_open: Breaker) -> None:
    half_open.succeeded()
    assert half_open.state == "closed"
    assert not half_open.is_open
    assert half_open.allow()


def test_probe__never_reports__another_after_the_pause(half_open: Breaker, clock: Clock) -> None:
    clock.now += 4.99
    assert not half_open.allow()
    clock.now += 0.01
    assert half_open.allow()
    assert not half_open.allow()
    half_open.succeeded()
    assert half_open.state == "closed"


def test_succeeded__sent_before_it_opened__stays_open(breaker: Breaker) -> None:
    breaker.refused()
    breaker.succeeded()
    assert not breaker.allow()


@pytest.mark.parametrize("fail", FAILURES)
def test_failure__sent_before_it_opened__does_not_prolong(
    breaker: Breaker, clock: Clock, fail: Callable[[Breaker], None]
) -> None:
    breaker.refused()
    clock.now += 3
    for _ in range(5):
        fail(breaker)
    clock.now += 2
    assert breaker.allow()
    assert breaker.opened == 1


def test_answer__of_a_server_that_lets_nobody_in__known_until_a_probe_fails_otherwise(
    breaker: Breaker, clock: Clock
) -> None:
    assert breaker.answer is None
    breaker.refused("a wrong password", "WRONGPASS")
    breaker.refused()  # sent before it opened
    assert breaker.answer == "WRONGPASS"
    clock.now += 5
    assert breaker.allow()
    breaker.lost()
    assert breaker.answer is None


@pytest.mark.parametrize("answer", [None, "WRONGPASS"])
def test_check__open__raises_with_the_answer(breaker: Breaker, answer: str | None) -> None:
    breaker.refused("why", answer)
    with pytest.raises(BreakerOpen) as raised:
        check(breaker)
    assert raised.value.status_code == answer
