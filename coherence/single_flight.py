"""Single flight: concurrent loads of one key become one."""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from django.db import OperationalError

from resilience.clock import clock
from resilience.database import is_deadline_over, seconds_left

K = TypeVar("K")
V = TypeVar("V")

JOIN_SECONDS = 1.0  # a load that began longer ago is not joined: it may have missed too many commits


class InFlight(Future[V]):
    """A load under way, which other callers may join.

    If it fails, those who joined it share a second load, and if that fails too, its error. Errors specific to the
    loading thread (interrupt, its own deadline) are not propagated; the next waiter retries. So every caller loads at
    most once, and nobody waits beyond their own deadline.
    """

    def __init__(self, *, is_second: bool = False) -> None:
        super().__init__()
        self.began = clock()
        self.waiting = 0  # callers that joined it
        self.is_final = is_second  # whether its error counts for all who joined it
        self.next: InFlight[V] | None = None  # the load that they share once this one has failed

    def fail(self, error: BaseException) -> None:
        """Tell those who joined it that it has failed with `error`."""
        self.is_final = self.is_final and isinstance(error, Exception) and not is_deadline_over()
        self.set_exception(error)

    def is_over(self) -> bool:
        """Wait for it; return whether its outcome, an answer or an error, counts for all who joined it.

        Raises OperationalError when the deadline of this thread comes first.
        """
        try:
            return self.exception(seconds_left()) is None or self.is_final
        except TimeoutError:
            raise OperationalError("PostgreSQL did not answer in time") from None


Loads = dict[K, InFlight[V]]


class SingleFlight(Generic[K, V]):
    """Loads each key once at a time: concurrent callers share the answer, unless its load has taken JOIN_SECONDS."""

    def __init__(
        self,
        load: Callable[[Collection[K]], dict[K, V]],
        deadline: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`load` must return an entry for every key it is given. `deadline` bounds whatever a caller waits for: loads
        of others, and its own after them.
        """
        self._load, self._deadline = load, deadline
        self._in_flight: dict[K, InFlight[V]] = {}
        self._lock = threading.Lock()

    def get_many(self, keys: Collection[K]) -> dict[K, V]:
        """An answer for each of `keys`. Raises what this caller's own load raised, or what a second load raised that it
        joined; OperationalError if its deadline comes while it waits for somebody else's load.
        """
        with self._deadline():
            return self._get_many(keys)

    def _get_many(self, keys: Collection[K]) -> dict[K, V]:
        answers: dict[K, V] = {}
        own, joined = self._join(keys)
        while own or joined:
            answers |= self._load_own(own)
            over = {key: load for key, load in joined.items() if load.is_over()}
            answers |= {key: load.result() for key, load in over.items()}
            own, joined = self._join_next({key: load for key, load in joined.items() if key not in over})
        return answers

    def waiting(self, key: K) -> int:
        """How many callers have joined the first load of `key` under way, those who gave up included."""
        load = self._in_flight.get(key)
        return load.waiting if load else 0

    def __len__(self) -> int:
        """How many keys are being loaded."""
        return len(self._in_flight)

    def _join(self, keys: Collection[K]) -> tuple[Loads[K, V], Loads[K, V]]:
        """Loads to make and loads to wait for."""
        oldest = clock() - JOIN_SECONDS
        with self._lock:
            joined = {key: load for key in keys if (load := self._in_flight.get(key)) and load.began > oldest}
            own: Loads[K, V] = {key: InFlight() for key in keys if key not in joined}
            self._in_flight |= own
            for load in joined.values():
                load.waiting += 1
        return own, joined

    def _join_next(self, failed: Loads[K, V]) -> tuple[Loads[K, V], Loads[K, V]]:
        """Loads to make and loads to wait for, after `failed` ones: whoever comes first makes the next one, for all."""
        own: Loads[K, V] = {}
        joined: Loads[K, V] = {}
        with self._lock:
            for key, load in failed.items():
                if load.next:
                    joined[key] = load.next
                else:
                    load.next = own[key] = InFlight(is_second=True)
            self._in_flight |= own
        return own, joined

    def _load_own(self, own: Loads[K, V]) -> dict[K, V]:
        if not own:
            return {}
        try:
            answers = self._load(own.keys())
            finished = [(load, answers[key]) for key, load in own.items()]
        except BaseException as error:  # whatever it is: those who joined must not wait for ever
            self._finish(own)
            for load in own.values():
                load.fail(error)
            raise
        self._finish(own)
        for load, answer in finished:
            load.set_result(answer)
        return answers

    def _finish(self, own: Loads[K, V]) -> None:
        with self._lock:
            for key, load in own.items():
                if self._in_flight.get(key) is load:  # else a later caller started a load of its own
                    del self._in_flight[key]
