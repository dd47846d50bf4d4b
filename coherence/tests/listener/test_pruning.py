"""Pruning fails, and the log is followed all the same."""

import logging
from collections.abc import Iterator

import psycopg
import pytest

from coherence import change_log
from coherence import listener as module
from coherence.feed import ChangeFeed
from coherence.listener import Listener
from coherence.metrics import registry
from coherence.tests.listener.connections import parameters, pids
from coherence.tests.log_access import record
from tests.database import sql
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ROLE, RIGHT = "unit_follower", "DELETE ON coherence_change"


@pytest.fixture
def _without_the_right(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The thread connects as a role that may not delete lines of the log."""
    sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'x'; GRANT SELECT, INSERT, UPDATE ON coherence_change TO {ROLE}")
    sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON coherence_history, coherence_milestone TO {ROLE}")
    options = module.CONNECT_OPTIONS | {"user": ROLE, "password": "x"}
    with monkeypatch.context() as patch:
        patch.setattr(module, "CONNECT_OPTIONS", options)
        yield
    sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = %s", ROLE)
    sql(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "PRUNE_SECONDS", 0.0)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    caplog.set_level(logging.INFO, "coherence")


def counted() -> float:
    """The number of failed prunings according to /metrics."""
    return registry().get_sample_value("companion_change_log_prune_failures_total") or 0


@pytest.mark.usefixtures("_without_the_right")
def test_prune__without_the_right__reported_once_and_the_connection_stays(
    listener: Listener, feed: ChangeFeed, caplog: pytest.LogCaptureFixture
) -> None:
    listener.ensure()
    wait_until(lambda: len(pids()) == 1)
    followed = pids()
    wait_until(lambda: listener.prune_failures > 3)
    number = record("a")
    wait_until(lambda: feed.number >= number)
    assert pids() == followed
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "cannot be deleted, so it grows: permission denied for table coherence_change" in caplog.text


@pytest.mark.usefixtures("_without_the_right")
def test_prune__granted_the_right__deletes_and_says_so(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    sql("INSERT INTO coherence_change (number, key) VALUES (1, 'old')")
    record("a")
    listener.ensure()
    wait_until(lambda: listener.prune_failures)
    assert sql("SELECT 1 FROM coherence_change WHERE number = 1")
    sql(f"GRANT {RIGHT} TO {ROLE}")
    wait_until(lambda: not sql("SELECT 1 FROM coherence_change WHERE number = 1"))
    wait_until(lambda: "pruned again" in caplog.text)
    sql(f"REVOKE {RIGHT} FROM {ROLE}")
    wait_until(lambda: len(caplog.records) == 3)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO", "ERROR"]


def test_prune__never_done_in_time__reported_once_and_connected_anew(
    listener: Listener, feed: ChangeFeed, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(**parameters()) as other:
        other.execute("LOCK TABLE coherence_milestone IN EXCLUSIVE MODE")
        listener.ensure()
        wait_until(lambda: listener.prune_failures > 1)
        number = record("a")
        wait_until(lambda: feed.number >= number)
        assert [record.getMessage() for record in caplog.records] == [
            "Old lines of the change log cannot be deleted, so it grows: PostgreSQL did not answer in time"
        ]
    wait_until(lambda: "pruned again" in caplog.text)


def test_prune__cut_off_meanwhile__no_failure_of_pruning(
    running: Listener, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def end(cursor: "psycopg.Cursor[object]") -> bool:
        monkeypatch.undo()
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise AssertionError("it was not cut")

    before = pids()
    monkeypatch.setattr(change_log, "prune", end)
    wait_until(lambda: pids() not in ([], before) and feed.in_touch)
    assert (running.prune_failures, caplog.records) == (0, [])


def test_prune__fails__counted_for_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.listener, "prune_failures", 3)
    assert counted() == 3
