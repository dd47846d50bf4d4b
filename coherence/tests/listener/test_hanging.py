"""New connections of the thread hang, while the pool that requests use works."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import pytest
from django.db import connection

from coherence import listener as module
from coherence.feed import IN_TOUCH_SECONDS, ChangeFeed
from coherence.listener import Listener
from coherence.tests.listener.connections import NAME, cut, no_pool
from coherence.tests.log_access import record
from tests.database import sql
from tests.proxies import queueing
from tests.waiting import MAX_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
LONG = 3  # seconds
BOUND = IN_TOUCH_SECONDS + 1  # the second is for a busy machine
ASKING = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND datname = current_database() AND query <> ''"


@contextmanager
def pooler() -> Iterator[int]:
    """The port of a pooler that accepts every connection and leaves statements waiting."""
    with queueing(int(connection.get_connection_params().get("port") or 5432)) as running:
        yield running.port


@contextmanager
def frozen() -> Iterator[int]:
    """The port of a server that never answers: only the kernel accepts connections for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(params=[pooler, frozen])
def _hanging(listener: Listener, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the thread's own connections hang from now on; those of the pool keep working."""
    with request.param() as port, monkeypatch.context() as patch:
        place = {"host": "127.0.0.1", "port": port, "connect_timeout": LONG}
        patch.setattr(module, "CONNECT_OPTIONS", module.CONNECT_OPTIONS | place)
        yield


@pytest.mark.usefixtures("_hanging")
def test_connecting__hangs__in_touch_over_the_pool(
    listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", MAX_SECONDS)
    started = monotonic()
    listener.ensure()
    assert feed.in_touch
    assert monotonic() - started < BOUND  # told by the pool's answer, and not by the end of the attempt
    over = monotonic() + LONG + 0.5  # into the second attempt
    while monotonic() < over:
        number = record("while it hangs")
        assert wait_until(lambda number=number: feed.number >= number) < BOUND  # type: ignore[misc]
        assert feed.age < BOUND
        sleep(0.05)


@pytest.mark.parametrize("_hanging", [frozen], indirect=True)
@pytest.mark.usefixtures("_hanging")
def test_connecting__hangs_and_so_does_the_pool__reported_once(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def count() -> None:
        asked.append(monotonic())
        no_pool()

    monkeypatch.setattr(module, "_pool", count)
    listener.ensure()
    wait_until(lambda: "cannot be followed" in caplog.text)
    assert len(asked) < LONG / module.RETRY_SECONDS + 3  # with a pause in between
    sleep(2 * module.RETRY_SECONDS)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_connecting__hangs_after_a_cut__heals_when_it_no_longer_does(
    running: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with queueing(int(connection.get_connection_params().get("port") or 5432)) as between:
        place = {"host": "127.0.0.1", "port": between.port}
        monkeypatch.setattr(module, "CONNECT_OPTIONS", module.CONNECT_OPTIONS | place)
        cut()
        wait_until(lambda: between.forgotten)
        number = record("a")
        assert wait_until(lambda: feed.number >= number) < BOUND
        assert not sql(ASKING, NAME)
        between.queues = False
        wait_until(lambda: sql(ASKING, NAME))
