"""The circuit breaker, shared by threads: nobody waits, one probes, and the log is brief."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from resilience.circuit_breaker import Breaker
from resilience.tests.redis.conftest import THREADS
from tests.waiting import Clock


def test_allow__many_threads_when_a_probe_is_due__exactly_one(breaker: Breaker, clock: Clock) -> None:
    breaker.refused()
    clock.now += 5
    start = threading.Barrier(THREADS)

    def caller(_: int) -> bool:
        start.wait(10)
        return breaker.allow()

    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(caller, range(THREADS))) == 1


def test_allow__many_threads_while_closed__all_are_inside_at_once(breaker: Breaker) -> None:
    inside = threading.Barrier(THREADS)

    def caller(_: int) -> None:
        assert breaker.allow()
        inside.wait(10)  # broken unless all get here, none having reported yet
        breaker.succeeded()

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(caller, range(THREADS)))


def test_closed__calls_and_replies__take_no_lock(breaker: Breaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "_lock", None)
    assert breaker.allow()
    assert not breaker.is_open
    breaker.succeeded()


def test_open__many_refused_calls__one_line_each_way(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        breaker.refused("no route to host")
        for _ in range(10_000):
            breaker.allow()
            breaker.refused()
        for end in (breaker.timed_out, breaker.succeeded):
            clock.now += 5
            assert breaker.allow()
            end()
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("resilience.redis", "WARNING"),
        ("resilience.redis", "INFO"),
    ]
    assert "5.0 s (no route to host)" in caplog.text


@pytest.mark.parametrize("end", [Breaker.refused, Breaker.succeeded])
def test_log__slow_handler__other_threads_do_not_wait(
    breaker: Breaker, clock: Clock, end: Callable[[Breaker], None], caplog: pytest.LogCaptureFixture
) -> None:
    reported, waited = threading.Event(), list[bool]()

    def report() -> None:
        breaker.timed_out()
        reported.set()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            threading.Thread(target=report, daemon=True).start()
            waited.append(reported.wait(5))

    if end is Breaker.succeeded:
        breaker.refused()
        clock.now += 5
        breaker.allow()
    logger, handler = logging.getLogger("resilience.redis"), Slow()
    logger.addHandler(handler)
    with caplog.at_level(logging.INFO):
        end(breaker)
    logger.removeHandler(handler)
    assert waited == [True]
