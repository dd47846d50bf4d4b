"""The thread that follows the log starts at the first read, and ends when it is told to."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from coherence import cache, change_log
from coherence import listener as module
from coherence.cache import CoherentCache
from coherence.feed import ChangeFeed
from coherence.listener import POLL_SECONDS, Listener
from coherence.tests.listener.connections import cut, no_pool, pids
from coherence.tests.log_access import record
from tests.database import sql
from tests.waiting import MAX_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_start__nobody_reads__no_connection(listener: Listener) -> None:
    assert listener._thread is None
    assert pids() == []


def test_start__at_the_first_read__in_touch_when_it_returns(
    listener: Listener, feed: ChangeFeed, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "feed", feed)
    monkeypatch.setattr(cache, "listener", listener)
    assert CoherentCache.by_kind["user"].get(user.pk).value
    assert feed.in_touch
    assert CoherentCache.by_kind["user"].get(user.pk).source == "near"
    wait_until(lambda: len(pids()) == 1)


# What may stand in DATABASE_URL and what the listener sets as well, and more of libpq's parameters besides.
GIVEN = {"application_name": "companion", "connect_timeout": 9, "keepalives": 1, "keepalives_idle": 9,
         "keepalives_interval": 9, "keepalives_count": 9, "tcp_user_timeout": 9000, "client_encoding": "latin1",
         "options": "-c work_mem=8MB", "fallback_application_name": "other", "sslmode": "prefer"}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_start__parameters_of_the_address__do_not_collide(
    listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The feed keeps the name by which operators know it."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], name, GIVEN[name])
    listener.ensure()
    wait_until(lambda: feed.in_touch and len(pids()) == 1)


def test_start__role_to_assume__assumed_by_the_feed_too(
    listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or else it would be in touch by rights that requests do not have, and the service ready."""
    monkeypatch.setattr(module, "_pool", no_pool)  # whose connections the tests have opened before
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "assume_role", "no_such_role")
    listener.ensure()
    wait_until(lambda: 'role "no_such_role" does not exist' in caplog.text)
    assert not feed.in_touch
    wait_until(lambda: pids() == [])  # not between connecting and assuming the role, as it tries again and again


def test_ensure__first_of_all__waits_for_the_first_answer(
    listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", MAX_SECONDS)  # however busy the machine is
    monkeypatch.setattr(module, "POLL_SECONDS", MAX_SECONDS)
    started = monotonic()
    listener.ensure()
    assert feed.last_synced > 0
    assert monotonic() - started < MAX_SECONDS / 2  # it asks first, and then waits for notifications


def test_ensure__first_of_all_and_the_database_is_away__told_so_at_once(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_late() -> None:
        sleep(0.3)  # while the reader waits
        no_pool()

    monkeypatch.setattr(module, "_connect", refuse_late)
    monkeypatch.setattr(module, "_pool", no_pool)
    monkeypatch.setattr(module, "WAIT_SECONDS", MAX_SECONDS)
    started = monotonic()
    listener.ensure()
    assert monotonic() - started < MAX_SECONDS / 2


def test_start__all_is_well__nothing_logged_and_no_process_is_kept_alive(
    listener: Listener, feed: ChangeFeed, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "coherence"):
        listener.ensure()
        wait_until(lambda: feed.in_touch)
    assert not caplog.records
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "change feed"] == [True]


def test_ensure__runs_already__one_thread_and_one_connection(running: Listener) -> None:
    thread = running._thread
    for _ in range(10):
        running.ensure()
    assert running._thread is thread
    assert len(pids()) == 1


def test_ensure__by_many_at_once__one_thread_and_one_connection(
    listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlowThread(threading.Thread):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            sleep(0.05)  # long enough for others to come by
            super().__init__(*args, **kwargs)

    def ensure(_: int) -> None:
        together.wait(MAX_SECONDS)
        listener.ensure()

    together = threading.Barrier(4)
    with ThreadPoolExecutor(4) as threads, monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", SlowThread)
        list(threads.map(ensure, range(4)))
    assert [thread.name for thread in threading.enumerate()].count("change feed") == 1
    wait_until(lambda: feed.in_touch and len(pids()) == 1)


def test_ensure__out_of_touch_after_a_pause__waits_until_the_log_is_read_again(
    running: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", MAX_SECONDS)
    synced = feed.last_synced
    wait_until(lambda: feed.last_synced > synced)
    feed.last_synced = float("-inf")
    started = monotonic()
    running.ensure()
    assert feed.in_touch
    assert monotonic() - started < MAX_SECONDS / 2  # told by the answer, and not by its patience


def test_ensure__in_touch__does_not_wait(listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", MAX_SECONDS)
    monkeypatch.setattr(module, "POLL_SECONDS", MAX_SECONDS)
    listener.ensure()
    feed.last_synced = float("inf")  # in touch however busy the machine is
    started = monotonic()
    listener.ensure()
    assert monotonic() - started < MAX_SECONDS / 2


def test_ensure__the_database_is_away__does_not_wait(
    running: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CONNECT_OPTIONS", module.CONNECT_OPTIONS | {"port": 1})
    monkeypatch.setattr(module, "_pool", no_pool)
    monkeypatch.setattr(module, "RETRY_SECONDS", MAX_SECONDS)
    monkeypatch.setattr(module, "WAIT_SECONDS", MAX_SECONDS)
    cut()
    wait_until(lambda: "cannot be followed" in caplog.text)
    feed.last_synced = float("-inf")
    started = monotonic()
    running.ensure()
    assert monotonic() - started < MAX_SECONDS / 2


def test_start__the_log_is_old__pruned(listener: Listener) -> None:
    sql("INSERT INTO coherence_change (number, key) VALUES (1, 'old')")
    record("a")
    listener.ensure()
    wait_until(lambda: not sql("SELECT 1 FROM coherence_change WHERE number = 1"))


@pytest.mark.parametrize("left_over", [False, True])
def test_start__many_looks_at_the_log__pruned_once(
    listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch, left_over: bool
) -> None:
    pruned: list[object] = []

    def prune(cursor: object) -> bool:
        pruned.append(cursor)
        return left_over

    monkeypatch.setattr(change_log, "prune", prune)
    monkeypatch.setattr(module, "PRUNE_AGAIN_SECONDS", 60.0)
    listener.ensure()
    for _ in range(5):
        number = record("a")
        wait_until(lambda number=number: feed.number >= number)  # type: ignore[misc]
    assert len(pruned) == 1


def test_stop__running__thread_and_connection_end(running: Listener) -> None:
    thread = running._thread
    started = monotonic()
    running.stop()
    assert monotonic() - started < POLL_SECONDS + 1
    assert thread
    assert not thread.is_alive()
    wait_until(lambda: not pids())


def test_stop__never_started__nothing_happens(listener: Listener) -> None:
    listener.stop()
    assert pids() == []


def test_stop__cut_off_and_waiting_to_try_again__ends(
    running: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CONNECT_OPTIONS", module.CONNECT_OPTIONS | {"port": 1})
    monkeypatch.setattr(module, "_pool", no_pool)
    cut()
    monkeypatch.setattr(module, "POLL_SECONDS", 10 * MAX_SECONDS)
    wait_until(lambda: "cannot be followed" in caplog.text)
    started = monotonic()
    running.stop()
    assert monotonic() - started < MAX_SECONDS


def test_ensure__after_stop__starts_again(running: Listener, feed: ChangeFeed) -> None:
    running.stop()
    number = record("a")
    running.ensure()
    wait_until(lambda: feed.number >= number)
    wait_until(lambda: len(pids()) == 1)
