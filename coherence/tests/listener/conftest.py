"""A listener of the test's own, and its feed."""

from collections.abc import Iterator

import pytest

from coherence import listener as module
from coherence.feed import ChangeFeed
from coherence.listener import Listener
from coherence.tests.listener.connections import pids, stop
from tests.waiting import wait_until


@pytest.fixture
def feed() -> ChangeFeed:
    return ChangeFeed()


@pytest.fixture
def listener(feed: ChangeFeed) -> Iterator[Listener]:
    """A listener of the test's own; that of the process is stopped."""
    module.listener.stop()
    wait_until(lambda: not pids())
    listener = Listener(feed)
    yield listener
    stop(listener)


@pytest.fixture
def running(listener: Listener, feed: ChangeFeed) -> Listener:
    listener.ensure()
    wait_until(lambda: feed.in_touch and len(pids()) == 1)
    return listener
