"""A commit's number is above all those before it, whatever the clock, the sequence or other writers do."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import monotonic

import pytest

from coherence.tests.change_log.conftest import WRITERS
from coherence.tests.change_log.lines import IMMEDIATE, TOUCH, Session, key_of, keys
from coherence.tests.log_access import CLOCK, empty_and_run_ahead, forget_numbers, number
from tests.database import sql
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 2.0


def test_numbers__eight_writers_and_a_reader__who_has_seen_one_has_seen_all_below(
    session: Session, users: list[str]
) -> None:
    known, over = number(), monotonic() + SECONDS

    def write(name: str) -> int:
        random, writer, committed = Random(name), session(), 0
        while monotonic() < over:
            way = random.random()
            with writer.transaction(force_rollback=way < 0.1):
                writer.execute(TOUCH, [name])
                if way > 0.7:
                    writer.execute(IMMEDIATE)
                if way > 0.9:
                    writer.execute("SELECT pg_sleep(0.001)")
            committed += way >= 0.1
        return committed

    def read() -> list[int]:
        reader, seen = session(), list[int]()
        while True:
            last = monotonic() > over + 0.5 and all(writer.done() for writer in writers)
            rows = reader.execute("SELECT number FROM coherence_change WHERE number > %s ORDER BY 1", [known])
            now = [row[0] for row in rows.fetchall()]
            assert now[: len(seen)] == seen  # whatever is new is above all that was there
            seen = now
            if last:
                return seen

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        writers = [threads.submit(write, name) for name in users]
        reader = threads.submit(read)
        committed = sum(writer.result() for writer in writers)
        assert len(reader.result()) == committed > 100


def test_number__of_any_commit__not_below_the_clock(users: list[str]) -> None:
    for name in users:
        before = sql(f"SELECT {CLOCK}")[0][0]
        sql(TOUCH, name)
        assert number() >= before


def test_number__the_sequence_is_that_of_an_old_backup__above_all_there_are(users: list[str]) -> None:
    known = number()
    sql("SELECT setval('coherence_number', 1)")
    wait_until(lambda: sql(f"SELECT {CLOCK}")[0][0] > known)
    sql(TOUCH, users[0])
    assert keys(known) == [key_of(users[0])]


def test_number__the_clock_was_set_back__above_all_there_are(users: list[str]) -> None:
    empty_and_run_ahead(3_600_000)
    sql(TOUCH, users[0])
    known = number()
    sql(TOUCH, users[1])
    try:
        assert keys(known) == [key_of(users[1])]
    finally:
        forget_numbers()
