"""What happens while a load is on its way: a commit comes between, other threads join."""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from time import monotonic

import pytest
from django.db import OperationalError, connection

from coherence import cache as module
from coherence.cache import Answer, CoherentCache
from coherence.change_log import Position
from coherence.tests.cache.rows import ID, OTHER, clear_memory, insert, rename, users_locked
from coherence.tests.cache.stand_ins import Gate, InRedis
from resilience.database import answer_within
from tests.waiting import MAX_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def threads(gate: Gate) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(10) as pool:
        yield pool
        gate.opened.set()


def in_thread(
    threads: ThreadPoolExecutor, names: CoherentCache[int, str], seconds: float = MAX_SECONDS
) -> Future[Answer[str]]:
    """A lookup by a thread, which gives its connection back. It has `seconds`."""

    def get() -> Answer[str]:
        try:
            with answer_within(seconds):
                return names.get(ID)
        finally:
            connection.close()

    return threads.submit(get)


def test_load__a_commit_comes_between_its_read_and_its_keeping__the_next_lookup_is_new(
    names: CoherentCache[int, str],
    known: None,
    shared: InRedis,
    gate: Gate,
    tell: Callable[[], None],
    threads: ThreadPoolExecutor,
) -> None:
    clear_memory(names)
    shared.clear()
    with gate.closed():
        slow = in_thread(threads, names)
        assert gate.reached.wait(MAX_SECONDS)
        rename("new")
        tell()
    slow.result(MAX_SECONDS)
    assert shared.get_many([ID])[ID][1] in ("old", "new")
    assert names.get(ID).value == "new"
    clear_memory(names)
    assert names.get(ID).value == "new"


def test_get_many__one_is_outdated_while_they_load__asked_for_again_and_the_other_kept(
    names: CoherentCache[int, str],
    known: None,
    shared: InRedis,
    gate: Gate,
    tell: Callable[[], None],
    threads: ThreadPoolExecutor,
) -> None:
    insert(OTHER, "other")
    tell()
    clear_memory(names)
    shared.clear()

    def get_both() -> dict[int, Answer[str]]:
        try:
            return names.get_many([ID, OTHER])
        finally:
            connection.close()

    with gate.closed():
        both = threads.submit(get_both)
        assert gate.reached.wait(MAX_SECONDS)
        rename("new")
        tell()
    assert both.result(MAX_SECONDS) == {ID: Answer("new", "database"), OTHER: Answer("other", "database")}


def test_joiner__knows_of_a_commit_after_the_load_began__asks_again(
    names: CoherentCache[int, str],
    known: None,
    shared: InRedis,
    gate: Gate,
    tell: Callable[[], None],
    threads: ThreadPoolExecutor,
) -> None:
    clear_memory(names)
    shared.clear()
    with gate.closed():
        in_thread(threads, names)
        assert gate.reached.wait(MAX_SECONDS)
        rename("new")
        tell()
        joiner = in_thread(threads, names)
        wait_until(lambda: names.loads.waiting(ID) == 1)
    assert joiner.result(MAX_SECONDS) == Answer("new", "database")


def test_many_threads__a_cold_name__one_query(
    names: CoherentCache[int, str], known: None, shared: InRedis, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    clear_memory(names)
    shared.clear()
    loads, read = list[object](), names.load

    def count(keys: Collection[int]) -> tuple[Position | None, Mapping[int, str]]:
        loads.append(keys)
        return read(keys)

    names.load = count
    with gate.closed():
        first = in_thread(threads, names)
        assert gate.reached.wait(MAX_SECONDS)
        others = [in_thread(threads, names) for _ in range(9)]
        wait_until(lambda: names.loads.waiting(ID) == 9)
    assert [lookup.result(MAX_SECONDS).value for lookup in (first, *others)] == ["old"] * 10
    assert len(loads) == 1


def test_joiner__the_one_who_loads_runs_out_of_time__does_not_inherit_that(
    names: CoherentCache[int, str],
    known: None,
    shared: InRedis,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clear_memory(names)
    shared.clear()
    monkeypatch.setattr(module, "LOAD_SECONDS", MAX_SECONDS)
    with users_locked():
        hurried = in_thread(threads, names, 0.3)
        wait_until(lambda: len(names.loads) == 1)
        patient = in_thread(threads, names)
        wait_until(lambda: names.loads.waiting(ID) == 1)
        assert isinstance(hurried.exception(MAX_SECONDS), OperationalError)
    assert patient.result(MAX_SECONDS) == Answer("old", "database")


def test_joiners__the_database_answers_nobody__the_error_as_soon_as_to_one_alone(
    names: CoherentCache[int, str],
    known: None,
    shared: InRedis,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clear_memory(names)
    shared.clear()
    monkeypatch.setattr(module, "LOAD_SECONDS", 2.0)

    def seconds_until_refused() -> float:
        started = monotonic()
        with closing(connection), pytest.raises(OperationalError, match="did not answer in time"):
            names.get(ID)
        return monotonic() - started

    with users_locked():
        asked = [threads.submit(seconds_until_refused) for _ in range(10)]
        assert all(2.0 <= lookup.result(MAX_SECONDS) < 3.8 for lookup in asked)  # one deadline, not two
