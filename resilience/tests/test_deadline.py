"""A server that does not answer, by pg_sleep: given up in time, and its connection with it."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg_pool import ConnectionPool

from resilience.database import DeadlineConnection, answer_within
from tests.database import sql
from tests.proxies import queueing

pytestmark = pytest.mark.django_db(transaction=True)
HANG = "SELECT pg_sleep(5)"
PATIENCE = 0.3
SECONDS = 3.0  # well below the five that it sleeps


@contextmanager
def quick() -> Iterator[None]:
    started = monotonic()
    yield
    assert monotonic() - started < SECONDS


@pytest.fixture(autouse=True)
def _wake() -> Iterator[None]:
    """Nobody sleeps on after the test: the server does not notice by itself that it was given up."""
    yield
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s AND pid <> pg_backend_pid()", HANG)


def plain() -> "closing[psycopg.Connection[Any]]":
    return closing(DeadlineConnection.connect(**connection.get_connection_params(), autocommit=True))


def test_answer_within__the_server_hangs__given_up_and_closed() -> None:
    with plain() as asked:
        with quick(), pytest.raises(psycopg.OperationalError, match="did not answer in time"), answer_within(PATIENCE):
            asked.execute(HANG)
        assert asked.closed  # its answer, which may still come, is nobody's


def test_answer_within__its_time_is_over_before_it_asks__given_up_at_once() -> None:
    with plain() as asked, quick(), answer_within(0.01):
        sleep(0.02)
        with pytest.raises(psycopg.OperationalError, match="did not answer in time"):
            asked.execute(HANG)


def test_answer_within__djangos_connection__djangos_error_and_the_next_one_works() -> None:
    sql("SELECT 1")
    hanging = connection.connection
    with quick(), pytest.raises(OperationalError, match="did not answer in time"), answer_within(PATIENCE):
        sql(HANG)
    assert hanging.closed
    connection.close_if_unusable_or_obsolete()
    assert sql("SELECT 1") == [(1,)]
    assert connection.connection is not hanging


def test_answer_within__in_a_transaction__nothing_of_it_is_kept_and_the_next_one_works() -> None:
    def create() -> None:
        with transaction.atomic():
            User.objects.create(username="half-done")
            with answer_within(PATIENCE):
                sql(HANG)

    with quick(), pytest.raises(DatabaseError):
        create()
    assert not User.objects.exists()


def test_answer_within__many_short_questions__the_time_is_for_all_of_them() -> None:
    def ask(asked: "psycopg.Connection[Any]") -> None:
        with answer_within(PATIENCE):
            for _ in range(100):
                asked.execute("SELECT pg_sleep(0.1)")

    with plain() as asked, quick(), pytest.raises(psycopg.OperationalError):
        ask(asked)


def test_answer_within__the_time_is_over_before_the_question__fails_too() -> None:
    with plain() as asked, quick(), pytest.raises(psycopg.OperationalError), answer_within(-1):
        asked.execute("SELECT pg_sleep(0.5)")


def test_answer_within__answers_in_time__given_and_the_connection_stays() -> None:
    with plain() as asked, answer_within(SECONDS):
        assert asked.execute("SELECT 1").fetchall() == [(1,)]
        assert not asked.closed


def test_answer_within__around_a_transaction__its_own_error_at_once_and_the_pool_is_left_alone() -> None:
    """Django puts the end of the transaction on a new connection, for which it is too late to ask anything."""
    pool: ConnectionPool[Any] = connection.pool  # type: ignore[attr-defined]
    before, started = pool.get_stats(), monotonic()
    with pytest.raises(OperationalError, match="did not answer in time"), answer_within(PATIENCE):
        transaction.atomic(sql)(HANG)
    assert monotonic() - started < pool.timeout
    assert pool.get_stats().get("returns_bad", 0) == before.get("returns_bad", 0) + 1


@pytest.mark.parametrize(("outer", "inner"), [(PATIENCE, 5 * SECONDS), (5 * SECONDS, PATIENCE)])
def test_answer_within__one_in_another__the_shorter_counts(outer: float, inner: float) -> None:
    with plain() as asked, quick(), pytest.raises(psycopg.OperationalError), answer_within(outer), answer_within(inner):
        asked.execute(HANG)


def test_afterwards__nothing_is_hurried() -> None:
    with answer_within(PATIENCE / 10):
        pass
    with pytest.raises(ZeroDivisionError), answer_within(PATIENCE / 10):
        raise ZeroDivisionError
    with plain() as asked:
        asked.execute("SELECT pg_sleep(%s)", [PATIENCE])


def test_outside__another_thread_has_a_deadline__not_ours() -> None:
    begun, over = threading.Event(), threading.Event()

    def hurry() -> None:
        with answer_within(-1):
            begun.set()
            over.wait(SECONDS)

    thread = threading.Thread(target=hurry)
    thread.start()
    assert begun.wait(SECONDS)
    with plain() as asked:
        assert asked.execute("SELECT 1").fetchall() == [(1,)]
    over.set()
    thread.join()


def test_outside__a_wait_of_its_own__heeded() -> None:
    """LISTEN: to wait for a notification in vain is no failure."""
    with plain() as asked:
        asked.execute("LISTEN nobody_speaks_here")
        assert list(asked.notifies(timeout=PATIENCE)) == []
        assert not asked.closed


def test_connect__lets_us_in_and_then_says_nothing__given_up() -> None:
    parameters = connection.get_connection_params()
    with (
        queueing(int(parameters.get("port") or 5432)) as pooler,
        pytest.raises(psycopg.OperationalError, match="in time"),
        quick(),
    ):
        DeadlineConnection.connect(**parameters | {"host": "127.0.0.1", "port": pooler.port, "connect_timeout": 2})
    assert pooler.forgotten == 1
