"""Idle connections to PostgreSQL that a firewall has forgotten, by a proxy that swallows what is sent on them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from resilience.database import answer_within
from resilience.database_pool import PooledConnection
from tests.database import sql
from tests.proxies import ForgetfulProxy, forgetful
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
NEVER = 1e6  # seconds
SIZE = 8  # the pool's pauses, of 1 s, 2 s and so on, come to half a minute if it finds out about them one by one
SECONDS = 10.0


@pytest.fixture
def firewall() -> Iterator[ForgetfulProxy]:
    port = int(connection.get_connection_params().get("port") or 5432)
    with forgetful(port, NEVER) as proxy:
        yield proxy
    connection.close()
    connection.pool.check()  # type: ignore[attr-defined]  # its idle connections count as dead with those of our pool


@pytest.fixture
def pool(firewall: ForgetfulProxy) -> "Iterator[ConnectionPool[Any]]":
    """A pool as Django makes it, behind the firewall. All its connections are idle."""
    parameters = connection.get_connection_params() | {"host": "127.0.0.1", "port": firewall.port, "autocommit": True}
    with ConnectionPool(
        kwargs=parameters,
        connection_class=PooledConnection,
        check=ConnectionPool.check_connection,
        min_size=SIZE,
        max_size=SIZE,
        timeout=SECONDS,
    ) as made:
        made.wait(SECONDS)
        yield made


def lend_all(pool: "ConnectionPool[Any]") -> "set[psycopg.Connection[Any]]":
    """All connections of the pool, each of which answers."""
    with ExitStack() as stack:
        lent = [stack.enter_context(pool.connection()) for _ in range(SIZE)]
        assert [one.execute("SELECT 1").fetchall() for one in lent] == [[(1,)]] * SIZE
        return {*lent}


def test_pool__nothing_forgotten__its_connections_stay(pool: "ConnectionPool[Any]") -> None:
    before = lend_all(pool)
    assert lend_all(pool) == before


def test_pool__asked_when_the_time_is_over__its_connections_stay(pool: "ConnectionPool[Any]") -> None:
    before = lend_all(pool)
    with answer_within(0), pool.connection(SECONDS) as lent:
        assert not lent.closed
    assert lend_all(pool) == before


@pytest.mark.parametrize("deadline", [nullcontext(), answer_within(SECONDS)], ids=["no deadline", "a deadline"])
def test_pool__all_forgotten__replaced_before_anybody_asks_for_the_second(
    pool: "ConnectionPool[Any]", firewall: ForgetfulProxy, deadline: "AbstractContextManager[None]"
) -> None:
    before = lend_all(pool)
    firewall.forget()
    with deadline, pool.connection(SECONDS) as lent:
        assert lent.execute("SELECT 1").fetchall() == [(1,)]
    wait_until(lambda: pool.get_stats()["pool_available"] == SIZE)
    assert all(one.closed for one in before)
    assert lend_all(pool).isdisjoint(before)


def test_connection__forgotten_in_no_pool__the_check_fails_and_closes_it(firewall: ForgetfulProxy) -> None:
    parameters = connection.get_connection_params() | {"host": "127.0.0.1", "port": firewall.port}
    asked = PooledConnection.connect(**parameters, autocommit=True)
    asked.execute("")
    firewall.forget()
    with pytest.raises(psycopg.OperationalError, match="did not answer in time"):
        asked.execute("")
    assert asked.closed


@pytest.mark.usefixtures("firewall")  # which mends Django's pool in the end
def test_connection__ended_by_the_server__the_check_fails_and_closes_it() -> None:
    asked = PooledConnection.connect(**connection.get_connection_params(), autocommit=True)
    sql("SELECT pg_terminate_backend(%s, 10000)", asked.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        asked.execute("")
    assert asked.closed
