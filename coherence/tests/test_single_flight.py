"""Many ask, one goes: threads meet at gates, nothing sleeps in the hope that they do."""

from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from threading import Event, Lock
from time import sleep

import pytest
from django.db import OperationalError

from coherence import single_flight as module
from coherence.single_flight import SingleFlight
from resilience.database import answer_within, is_deadline_over
from tests.waiting import MAX_SECONDS, wait_until

THREADS = 50


class Loader:
    """Counts its loads, and lets none land before `gate` is opened."""

    def __init__(self) -> None:
        self.gate, self.calls = Event(), list[list[str]]()
        self.errors: list[BaseException | None] = []  # one for each load, in order; those after them succeed

    def __call__(self, keys: Collection[str]) -> dict[str, str]:
        self.calls.append(sorted(keys))
        number = len(self.calls)
        assert self.gate.wait(MAX_SECONDS)
        if error := dict(enumerate(self.errors, start=1)).get(number):
            raise error
        return {key: f"{key}{number}" for key in keys}


@pytest.fixture(autouse=True)
def _time_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(module, "JOIN_SECONDS", MAX_SECONDS)


@pytest.fixture
def load() -> Loader:
    return Loader()


@pytest.fixture
def flights(load: Loader) -> SingleFlight[str, str]:
    return SingleFlight(load, lambda: answer_within(MAX_SECONDS))  # whatever is wrong, no thread waits for ever


@pytest.fixture
def threads(load: Loader) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool
        load.gate.set()


def all_aboard(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> list[Future[dict[str, str]]]:
    """Everybody asks for the same, and gets it once all of them wait."""
    asked = [threads.submit(flights.get_many, ["a"]) for _ in range(THREADS)]
    wait_until(lambda: flights.waiting("a") == THREADS - 1)
    load.gate.set()
    return asked


def test_get_many__fifty_threads__one_load(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> None:
    answers = [future.result(MAX_SECONDS) for future in all_aboard(flights, load, threads)]
    assert answers == [{"a": "a1"}] * THREADS
    assert load.calls == [["a"]]


def test_get_many__landed__the_next_call_loads_again(flights: SingleFlight[str, str], load: Loader) -> None:
    load.gate.set()
    assert [flights.get_many(["a"]) for _ in range(2)] == [{"a": "a1"}, {"a": "a2"}]
    assert len(flights) == 0


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_get_many__the_load_fails__its_caller_is_told_and_the_others_share_a_second_one(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor, error: BaseException
) -> None:
    load.errors = [error]
    asked = all_aboard(flights, load, threads)
    told = [future.exception(MAX_SECONDS) for future in asked]
    assert [each for each in told if each] == [error]
    assert [future.result() for future in asked if not future.exception()] == [{"a": "a2"}] * (THREADS - 1)
    assert (load.calls, len(flights)) == ([["a"], ["a"]], 0)


def test_get_many__the_second_load_fails_too__all_are_told_and_the_next_call_loads_again(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> None:
    first, second = ValueError("first"), ValueError("second")
    load.errors = [first, second]
    told = [future.exception(MAX_SECONDS) for future in all_aboard(flights, load, threads)]
    assert (told.count(first), told.count(second)) == (1, THREADS - 1)
    assert flights.get_many(["a"]) == {"a": "a3"}
    assert len(load.calls) == 3


def test_get_many__ended_by_what_befell_their_threads__nobody_else_is_told(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> None:
    load.errors = [KeyboardInterrupt(), SystemExit(3), GeneratorExit()]
    told = [future.exception(MAX_SECONDS) for future in all_aboard(flights, load, threads)]
    assert sorted(map(repr, filter(None, told))) == sorted(map(repr, load.errors))
    assert len(load.calls) == 4


def test_get_many__one_who_joined_a_second_load_first__told_its_error(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> None:
    """Two loads in a row have failed: a third would only keep them waiting."""
    load.errors = [ValueError("first"), ValueError("second")]
    gates = load.gate, Event()
    asked = [threads.submit(flights.get_many, ["a"]) for _ in range(2)]
    wait_until(lambda: flights.waiting("a") == 1)
    load.gate = gates[1]  # at which the second load waits
    gates[0].set()
    wait_until(lambda: len(load.calls) == 2)
    asked.append(threads.submit(flights.get_many, ["a"]))
    wait_until(lambda: flights.waiting("a") == 1)
    gates[1].set()
    assert sorted(str(future.exception(MAX_SECONDS)) for future in asked) == ["first", "second", "second"]
    assert len(load.calls) == 2


def test_get_many__several_fail_at_once__loaded_again_together_and_what_was_there_is_kept(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> None:
    load.errors = [ValueError("no")]
    first = threads.submit(flights.get_many, ["a", "b"])
    wait_until(lambda: len(load.calls) == 1)
    second = threads.submit(flights.get_many, ["a", "b", "c"])
    wait_until(lambda: len(load.calls) == 2)
    load.gate.set()
    assert first.exception(MAX_SECONDS) is load.errors[0]
    assert second.result(MAX_SECONDS) == {"a": "a3", "b": "b3", "c": "c2"}
    assert load.calls == [["a", "b"], ["c"], ["a", "b"]]


def test_get_many__one_after_the_other_loads_in_too_little_time__who_has_time_gets_an_answer(
    threads: ThreadPoolExecutor,
) -> None:
    """Nobody inherits the deadline of who happens to load."""
    may_answer = Event()

    def load(keys: Collection[str]) -> dict[str, str]:
        while not may_answer.wait(0.01):
            if is_deadline_over():
                raise OperationalError("in time")
        return {key: key for key in keys}

    flights: SingleFlight[str, str] = SingleFlight(load)

    def ask_within(seconds: float) -> dict[str, str]:
        with answer_within(seconds):
            return flights.get_many(["a"])

    first = threads.submit(ask_within, 0.1)
    wait_until(lambda: len(flights) == 1)
    *others, patient = [threads.submit(ask_within, seconds) for seconds in (0.2, 0.2, 0.2, MAX_SECONDS)]
    assert all(isinstance(each.exception(MAX_SECONDS), OperationalError) for each in (first, *others))
    may_answer.set()
    assert patient.result(MAX_SECONDS) == {"a": "a"}


def test_get_many__waits_for_another__no_longer_than_its_own_deadline(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> None:
    slow = threads.submit(flights.get_many, ["a"])
    wait_until(lambda: len(flights) == 1)
    with answer_within(0.1), pytest.raises(OperationalError, match="did not answer in time"):
        flights.get_many(["a"])
    assert len(load.calls) == 1
    load.gate.set()
    assert slow.result(MAX_SECONDS) == {"a": "a1"}


def test_get_many__the_load_lacks_an_answer__nobody_waits_for_ever(threads: ThreadPoolExecutor) -> None:
    lacking: SingleFlight[str, str] = SingleFlight(lambda keys: {})
    for _ in range(2):
        assert isinstance(threads.submit(lacking.get_many, ["a"]).exception(MAX_SECONDS), KeyError)


def test_get_many__a_key_twice__loaded_once(flights: SingleFlight[str, str], load: Loader) -> None:
    load.gate.set()
    assert flights.get_many(["a", "a", "b"]) == {"a": "a1", "b": "b1"}
    assert load.calls == [["a", "b"]]


def test_get_many__part_is_on_its_way__the_rest_is_loaded_meanwhile(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor
) -> None:
    first = threads.submit(flights.get_many, ["a", "b"])
    wait_until(lambda: len(load.calls) == 1)
    assert [flights.waiting(key) for key in "bc"] == [0, 0]
    second = threads.submit(flights.get_many, ["b", "c"])
    wait_until(lambda: len(load.calls) == 2)
    assert not first.done()
    load.gate.set()
    assert second.result(MAX_SECONDS).keys() == {"b", "c"}
    assert load.calls == [["a", "b"], ["c"]]
    assert first.result(MAX_SECONDS)["b"] == second.result(MAX_SECONDS)["b"]


def test_get_many__on_its_way_for_too_long__not_joined_and_the_newer_one_is(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = threads.submit(flights.get_many, ["a"])
    wait_until(lambda: len(load.calls) == 1)
    monkeypatch.setattr(module, "JOIN_SECONDS", 0)
    new = threads.submit(flights.get_many, ["a"])
    wait_until(lambda: len(load.calls) == 2)
    monkeypatch.undo()
    load.gate.set()
    assert old.result(MAX_SECONDS).keys() == new.result(MAX_SECONDS).keys() == {"a"}
    assert len(flights) == 0


@pytest.mark.usefixtures("_hurry")
def test_get_many__overlapping_batches_in_any_order__no_deadlock_and_no_key_twice_at_once(
    threads: ThreadPoolExecutor,
) -> None:
    under_way, lock, rounds = set[str](), Lock(), 200
    batches: SingleFlight[str, str]

    def load(keys: Collection[str]) -> dict[str, str]:
        with lock:
            assert not under_way & set(keys)
            under_way.update(keys)
        sleep(0.0005)  # long enough to be joined
        with lock:
            under_way.difference_update(keys)
        return {key: key for key in keys}

    def ask(seed: int) -> None:
        random = Random(seed)
        for _ in range(rounds):
            keys = random.sample("abcd", 3)
            assert batches.get_many(keys) == {key: key for key in keys}

    batches = SingleFlight(load)
    for future in [threads.submit(ask, seed) for seed in range(8)]:
        future.result(MAX_SECONDS)
