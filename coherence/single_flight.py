"""Single flight: concurrent loads of one key become one."""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Generic, TypeVar

from resilience.clock import clock

K = TypeVar("K")
V = TypeVar("V")

JOIN_SECONDS = 1.0  # a load that began longer ago is not joined: it may have missed too many commits


class InFlight(Future[V]):
    """A load under way."""

    def __init__(self) -> None:
        super().__init__()
        self.began = clock()
        self.waiting = 0  # callers that joined it


class SingleFlight(Generic[K, V]):
    """Loads each key once at a time: concurrent callers share the answer, or the error."""

    def __init__(self, load: Callable[[Collection[K]], dict[K, V]]) -> None:
        """`load` must return an entry for every key it is given."""
        self._load = load
        self._in_flight: dict[K, InFlight[V]] = {}
        self._lock = threading.Lock()

    def get_many(self, keys: Collection[K]) -> dict[K, V]:
        """An answer for each of `keys`; raises what its load raised."""
        oldest = clock() - JOIN_SECONDS
        with self._lock:
            joined = {key: load for key in keys if (load := self._in_flight.get(key)) and load.began > oldest}
            own: dict[K, InFlight[V]] = {key: InFlight() for key in keys if key not in joined}
            self._in_flight |= own
            for load in joined.values():
                load.waiting += 1
        answers = self._load_own(own) if own else {}
        return answers | {key: load.result() for key, load in joined.items()}

    def waiting(self, key: K) -> int:
        """How many callers wait for a load of `key` that another caller started."""
        load = self._in_flight.get(key)
        return load.waiting if load else 0

    def __len__(self) -> int:
        """How many keys are being loaded."""
        return len(self._in_flight)

    def _load_own(self, own: dict[K, InFlight[V]]) -> dict[K, V]:
        try:
            answers = self._load(own.keys())
            finished = [(load, answers[key]) for key, load in own.items()]
        except BaseException as error:  # whatever it is: those who joined must not wait for ever
            self._finish(own)
            for load in own.values():
                load.set_exception(error)
            raise
        self._finish(own)
        for load, answer in finished:
            load.set_result(answer)
        return answers

    def _finish(self, own: dict[K, InFlight[V]]) -> None:
        with self._lock:
            for key, load in own.items():
                if self._in_flight.get(key) is load:  # else a later caller started a load of its own
                    del self._in_flight[key]
