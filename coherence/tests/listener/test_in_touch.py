"""The thread follows the log: its notifications are taken away, its connection is cut."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from time import monotonic, sleep

import psycopg
import pytest
from django.db import connection

from coherence import listener as module
from coherence.feed import IN_TOUCH_SECONDS, ChangeFeed
from coherence.listener import POLL_SECONDS, Listener
from coherence.tests.feed.answers import is_current
from coherence.tests.listener.connections import cut, no_pool, parameters, pids
from coherence.tests.log_access import record
from tests.database import sql
from tests.waiting import MAX_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
DEFINITION = "SELECT pg_get_functiondef('public.coherence_note(text)'::regprocedure)"
SPEAKS = "PERFORM pg_notify('coherence', next::text);"


@contextmanager
def without_notify() -> Iterator[None]:
    ((definition,),) = sql(DEFINITION)
    assert SPEAKS in definition
    sql(definition.replace(SPEAKS, ""))
    try:
        yield
    finally:
        sql(definition)


def test_running__nothing_happens__stays_in_touch(running: Listener, feed: ChangeFeed) -> None:
    over = monotonic() + IN_TOUCH_SECONDS + 2
    while monotonic() < over:
        assert feed.age < IN_TOUCH_SECONDS + 1  # the second is for a busy machine
        sleep(0.01)


def test_running__a_commit__told_at_once(listener: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 10 * MAX_SECONDS)  # not by looking, then
    listener.ensure()
    for key in "abc":
        number = record(key)
        wait_until(lambda number=number: feed.number >= number)  # type: ignore[misc]
        assert not is_current(feed, key, number - 1)


def test_running__without_notifications__known_within_the_bound(running: Listener, feed: ChangeFeed) -> None:
    with without_notify():
        wait_until(lambda: feed.age < POLL_SECONDS / 4)  # it looks when that time is over, and not just now
        number = record("a")
        took = wait_until(lambda: feed.number >= number)
        assert took < IN_TOUCH_SECONDS + 1  # the second is for a busy machine
    assert not is_current(feed, "a", number - 1)


def test_connection_cut__connected_anew_at_once_and_nothing_missed(
    running: Listener, feed: ChangeFeed, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "coherence"):
        for _ in range(3):
            before, known = pids(), feed.number
            cut()
            number = record("while it is away")
            assert wait_until(lambda number=number: feed.number >= number) < IN_TOUCH_SECONDS + 1  # type: ignore[misc]
            assert not is_current(feed, "while it is away", known)
            wait_until(lambda before=before: len(pids()) == 1 and pids() != before)  # type: ignore[misc]
    assert not caplog.records


def test_connection_cut__no_other_to_be_had__one_of_the_pool_will_do(
    running: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CONNECT_OPTIONS", module.CONNECT_OPTIONS | {"port": 1})
    with caplog.at_level(logging.INFO, "coherence"):
        cut()
        wait_until(lambda: not pids())
        for _ in range(3):
            number = record("while it is away")
            assert wait_until(lambda number=number: feed.number >= number) < IN_TOUCH_SECONDS + 1  # type: ignore[misc]
    assert not caplog.records


def test_pool__cut_as_well__mended_before_anybody_waits_for_it(running: Listener, feed: ChangeFeed) -> None:
    sql("SELECT 1")  # so that there is one in the pool, once this thread lets go of it
    connection.close()
    with psycopg.connect(**parameters(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                      "AND pid <> pg_backend_pid()")  # fmt: skip
    for _ in range(3):  # the last answer of the connection that was cut, the first of another, and one after the check
        synced = feed.last_synced
        wait_until(lambda synced=synced: feed.last_synced > synced)  # type: ignore[misc]
    started = monotonic()
    sql("SELECT 1")
    assert monotonic() - started < 1  # the pool's own pause after a connection that was dead


def test_database_away__for_many_tries__one_line_and_then_in_touch(
    running: Listener, feed: ChangeFeed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_OPTIONS", module.CONNECT_OPTIONS | {"port": 1})
    monkeypatch.setattr(module, "_pool", no_pool)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    with caplog.at_level(logging.INFO, "coherence"):
        cut()
        wait_until(lambda: not feed.in_touch)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        monkeypatch.undo()
        wait_until(lambda: feed.in_touch)
        wait_until(lambda: "followed again" in caplog.text)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_database_away__asked_again_now_and_then__not_without_a_pause(
    running: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def count() -> None:
        tries.append(monotonic())
        no_pool()

    monkeypatch.setattr(module, "CONNECT_OPTIONS", module.CONNECT_OPTIONS | {"port": 1})
    monkeypatch.setattr(module, "_pool", count)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.1)
    cut()
    wait_until(lambda: len(tries) >= 5)
    assert tries[4] - tries[0] > 0.35


def test_bounds__a_poll_its_answer_and_the_fallback__together_within_touch() -> None:
    assert 0 < module.FALLBACK_DELAY_SECONDS < IN_TOUCH_SECONDS - POLL_SECONDS - module.ANSWER_SECONDS


def test_connection__the_machine_of_the_server_vanishes__noticed_after_five_seconds() -> None:
    """2 s to connect; 2 s of silence, and then 3 questions, a second apart."""
    with closing(module._connect()) as made:
        given = made.info.get_parameters()
    found = {name: int(given[name]) for name in module.CONNECT_OPTIONS}
    assert found == {"connect_timeout": 2, "keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3}


def test_pool__before_the_first_query_of_the_process__open() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    assert not module._pool().closed
