"""Errors: each is counted, and each type is logged once a minute."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from resilience.redis_errors import ErrorLog
from resilience.tests.redis.conftest import THREADS
from tests.waiting import Clock


def test_error_log__same_type_again__a_line_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = ErrorLog(clock)
    for name, later in (("ReadOnlyError", 0), ("ReadOnlyError", 59.9), ("OutOfMemoryError", 0), ("ReadOnlyError", 0.1)):
        clock.now += later
        log.warn(name, name)
    assert [record.getMessage() for record in caplog.records] == ["ReadOnlyError", "OutOfMemoryError", "ReadOnlyError"]
    assert {(record.name, record.levelname) for record in caplog.records} == {("resilience.redis", "WARNING")}


def test_error_log__many_threads__every_error_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(dict[str, int]):
        def __getitem__(self, name: str) -> int:
            value = self.get(name, 0)
            sleep(0.001)  # between the read and the write of `+= 1`
            return value

    log = ErrorLog()
    monkeypatch.setattr(log, "counts", Slow())
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(log.count, ["TimeoutError"] * THREADS))
    assert log.counts.get("TimeoutError") == THREADS
