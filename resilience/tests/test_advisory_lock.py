"""Who holds an advisory lock, and who waits for it."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from resilience.advisory_lock import POLL_SECONDS, exclusively
from resilience.database import DeadlineConnection
from tests.database import sql
from tests.waiting import MAX_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
OURS, OTHER = 471_001, 471_002
HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"
HAVE_ASKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE 'SELECT pg_try_advisory%'
"""
LAST_ASKED = """
SELECT max(query_start) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory%'
"""


@contextmanager
def another(number: int) -> Iterator[threading.Event]:
    """A thread that takes the lock and keeps it to the end of the context; yields the event that it has it."""
    has_it, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusively(number):
            has_it.set()
            leave.wait(MAX_SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield has_it
    finally:
        leave.set()
        thread.join()


def test_exclusively__nobody_has_it__held_until_the_end() -> None:
    with exclusively(OURS):
        assert sql(HELD, OURS) == [(1,)]
    assert sql(HELD, OURS) == [(0,)]


def test_exclusively__another_has_it__waits_for_its_end() -> None:
    with ExitStack() as stack:
        with exclusively(OURS):
            has_it = stack.enter_context(another(OURS))
            wait_until(lambda: sql(HAVE_ASKED) == [(2,)])
            assert not has_it.is_set()
        wait_until(has_it.is_set)


def test_exclusively__another_has_it__asks_again_after_a_pause_each_time() -> None:
    asked: list[datetime] = []  # the first may be when we did

    def has_asked_twice() -> bool:
        ((last,),) = sql(LAST_ASKED)
        if last not in asked:
            asked.append(last)
        return len(asked) == 3

    with ExitStack() as stack, exclusively(OURS):
        stack.enter_context(another(OURS))
        wait_until(has_asked_twice)
    assert asked[2] - asked[1] >= timedelta(seconds=POLL_SECONDS)


def test_exclusively__another_has_another__does_not_wait() -> None:
    with exclusively(OURS), another(OTHER) as has_it:
        wait_until(has_it.is_set)


def test_exclusively__fails_inside__given_back() -> None:
    with pytest.raises(ZeroDivisionError), exclusively(OURS):
        raise ZeroDivisionError
    assert sql(HELD, OURS) == [(0,)]


def test_exclusively__the_transaction_has_another_connection_of_a_pooler__not_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On that one nobody has said what a session is to have, and the role may bound idle transactions."""
    connect = DeadlineConnection.connect

    def through_a_pooler(**parameters: Any) -> Any:
        made = connect(**parameters)
        made.execute("SET idle_in_transaction_session_timeout = 100")
        made.commit()
        return made

    monkeypatch.setattr(DeadlineConnection, "connect", through_a_pooler)
    with exclusively(OURS):
        time.sleep(0.3)
        assert sql(HELD, OURS) == [(1,)]
