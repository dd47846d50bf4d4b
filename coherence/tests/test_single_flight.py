"""Many ask, one goes: threads meet at gates, nothing sleeps in the hope that they do."""

from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from threading import Event, Lock
from time import sleep

import pytest

from coherence import single_flight as module
from coherence.single_flight import SingleFlight
from tests.waiting import MAX_SECONDS, wait_until

THREADS = 50


class Loader:
    """Counts its loads, and lets none land before `gate` is opened."""

    def __init__(self) -> None:
        self.gate, self.calls = Event(), list[list[str]]()
        self.error: BaseException | None = None

    def __call__(self, keys: Collection[str]) -> dict[str, str]:
        self.calls.append(sorted(keys))
        assert self.gate.wait(MAX_SECONDS)
        if self.error:
            raise self.error
        return {key: f"{key}{len(self.calls)}" for key in keys}


@pytest.fixture(autouse=True)
def _time_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(module, "JOIN_SECONDS", MAX_SECONDS)


@pytest.fixture
def load() -> Loader:
    return Loader()


@pytest.fixture
def flights(load: Loader) -> SingleFlight[str, str]:
    return SingleFlight(load)


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
def test_get_many__the_load_fails__all_are_told_and_the_next_call_loads_again(
    flights: SingleFlight[str, str], load: Loader, threads: ThreadPoolExecutor, error: BaseException
) -> None:
    load.error = error
    told = [future.exception(MAX_SECONDS) for future in all_aboard(flights, load, threads)]
    assert told == [error] * THREADS
    load.error = None
    assert flights.get_many(["a"]) == {"a": "a2"}


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
