"""A feed whose clock is the test's. `change_log.MAX_ENTRIES_PER_POLL` is lowered where its reach is tested."""

from collections.abc import Iterator

import pytest

from coherence import change_log
from coherence.feed import ChangeFeed
from coherence.listener import listener
from coherence.tests.log_access import forget_numbers
from tests.waiting import Clock

LIMIT = 4
KEYS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture(autouse=True)
def _alone() -> None:
    """Stop the process's own listener, so that nobody else in this process looks at the log or begins a history."""
    listener.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def feed(clock: Clock) -> ChangeFeed:
    return ChangeFeed(clock)


@pytest.fixture
def _low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_log, "FIRST_MAX_ENTRIES", LIMIT)
    monkeypatch.setattr(change_log, "MAX_ENTRIES_PER_POLL", LIMIT)
    monkeypatch.setattr(change_log, "MAX_REMEMBERED_KEYS", LIMIT)


@pytest.fixture
def _numbers_of_its_own() -> Iterator[None]:
    """Let numbers run ahead of the clock, until the end of the test."""
    yield
    forget_numbers()
