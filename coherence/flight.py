"""Many ask, one goes."""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Generic, TypeVar

from resilience.clock import clock

K = TypeVar("K")
V = TypeVar("V")

JOIN_SECONDS = 1.0  # a load that began longer ago may have missed too much for who asks now


class Flight(Future[V]):
    """A load on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.began = clock()


class SingleFlight(Generic[K, V]):
    """Loads each key once at a time: who asks for a key on its way waits for that answer, or that error."""

    def __init__(self, load: Callable[[Collection[K]], dict[K, V]]) -> None:
        """`load` answers for every key it is given."""
        self._load = load
        self._flights: dict[K, Flight[V]] = {}
        self._lock = threading.Lock()

    def get_many(self, keys: Collection[K]) -> dict[K, V]:
        oldest = clock() - JOIN_SECONDS
        with self._lock:
            joined = {key: flight for key in keys if (flight := self._flights.get(key)) and flight.began > oldest}
            own: dict[K, Flight[V]] = {key: Flight() for key in keys if key not in joined}
            self._flights |= own
        answers = self._fly(own) if own else {}
        return answers | {key: flight.result() for key, flight in joined.items()}

    def _fly(self, own: dict[K, Flight[V]]) -> dict[K, V]:
        try:
            answers = self._load(own.keys())
            landed = [(flight, answers[key]) for key, flight in own.items()]
        except BaseException as error:  # whatever it is: who waits must not wait for ever
            self._land(own)
            for flight in own.values():
                flight.set_exception(error)
            raise
        self._land(own)
        for flight, answer in landed:
            flight.set_result(answer)
        return answers

    def _land(self, own: dict[K, Flight[V]]) -> None:
        with self._lock:
            for key, flight in own.items():
                if self._flights.get(key) is flight:  # else somebody did not want to wait for ours
                    del self._flights[key]
