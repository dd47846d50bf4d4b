"""Looks things up: near, then in a shared cache, then in PostgreSQL; and serves no copy that its row has outlived."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from django.db import Error, connection

from coherence.answer import Answer, Source
from coherence.deadline import answer_within
from coherence.feed import IN_TOUCH_SECONDS, feed
from coherence.flight import SingleFlight
from coherence.listener import listener
from coherence.near import Copy, NearCache
from coherence.shared import Nothing, Shared
from coherence.transactions import in_transaction

K = TypeVar("K")
V = TypeVar("V")

DATABASE_SECONDS = 2.0  # a lookup that needs PostgreSQL fails when it has not answered by then
ATTEMPTS = 3


class CoherentCache(Generic[K, V]):
    """Copies of one kind of thing. Values are immutable, for every caller is handed the same object.

    Inside a transaction no copy is read and none is kept: the writer sees its own rows, others do not.
    """

    by_kind: "ClassVar[dict[str, CoherentCache[Any, Any]]]" = {}

    def __init__(
        self,
        kind: str,
        load: Callable[[Collection[K]], tuple[int | None, Mapping[K, V]]],
        log_key: Callable[[K], str],
        *,
        shared: Shared[K, V] | None = None,
        capacity: int,
        stale_seconds: float,
    ) -> None:
        """`load` reads the database, and the number of the log in the same statement: `log.NumberedQuery`. `log_key`
        is what the model's triggers note. `capacity` values are kept near at most, and as many absences; with
        PostgreSQL out of reach, they are served for `stale_seconds`.
        """
        self.log_key, self.stale_seconds = log_key, stale_seconds
        self.shared: Shared[K, V] = shared or Nothing()
        self.capacity = capacity
        self.lookups: Counter[tuple[Source, bool]] = Counter()  # by where, and whether there was something
        self.unverified = 0
        self._read = load
        self._start_anew()
        self.by_kind[kind] = self
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """Also in a forked child: locks may be held, and loads under way, by threads that it does not have."""
        self.found: NearCache[V] = NearCache(self.capacity)
        self.absent: NearCache[V] = NearCache(self.capacity)  # apart: invented keys must not push out real ones
        self._flights = SingleFlight(self._load)

    def get(self, key: K) -> Answer[V]:
        answer = self.get_many([key])[key]
        self.count(answer)
        return answer

    def get_many(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        """An answer for every key. Raises OperationalError when PostgreSQL is needed and out of reach."""
        if not keys:
            return {}
        return self._in_transaction(keys) if in_transaction() else self._look(keys)

    def count(self, answer: Answer[V]) -> None:
        """For metrics. Somebody may need several answers to give one."""
        self.lookups[answer.source, answer.value is not None] += 1
        self.unverified += answer.unverified

    def _in_transaction(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        _, values = self._read(keys)
        return {key: Answer(values.get(key), "database") for key in keys}

    def _look(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        answers: dict[K, Answer[V]] = {}
        if (age := self._age()) is not None:
            answers |= self._near(keys, age)
            answers |= self._from_shared(_lacking(keys, answers), age)
        return answers | self._from_database(_lacking(keys, answers))

    def _age(self) -> float | None:
        """How long ago what we know was all there is: 0 while in touch, None when that is too long to serve copies."""
        if not feed.in_touch:
            listener.ensure()
        age = feed.age
        if age <= IN_TOUCH_SECONDS:
            return 0.0
        return age if age <= self.stale_seconds else None

    def _near(self, keys: Collection[K], age: float) -> dict[K, Answer[V]]:
        return {key: Answer(copy.value, "near", age) for key in keys if (copy := self._current(key))}

    def _current(self, key: K) -> Copy[V] | None:
        log_key = self.log_key(key)
        for copy in (self.found.get(log_key), self.absent.get(log_key)):
            if copy and feed.current(log_key, copy.number):
                return copy
        return None

    def _from_shared(self, keys: Collection[K], age: float) -> dict[K, Answer[V]]:
        answers: dict[K, Answer[V]] = {}
        for key, (number, value) in (self.shared.get_many(keys) if keys else {}).items():
            if feed.current(self.log_key(key), number):
                self._keep(key, number, value)
                answers[key] = Answer(value, "redis", age)
        return answers

    def _from_database(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        """Each key is loaded once at a time. Who joined a load that began before a commit they know of asks again."""
        answers: dict[K, Answer[V]] = {}
        for _ in range(ATTEMPTS):
            if not keys:
                break
            loaded = self._flights.get_many(keys)
            answers |= {key: Answer(value, "database") for key, (_, value) in loaded.items()}
            keys = [key for key, (number, _) in loaded.items() if feed.outdated(self.log_key(key), number)]
        return answers

    def _load(self, keys: Collection[K]) -> dict[K, tuple[int, V | None]]:
        """Another load may have landed since these keys were looked for near."""
        loaded: dict[K, tuple[int, V | None]] = {}
        if feed.in_touch:
            loaded = {key: (copy.number, copy.value) for key in keys if (copy := self._current(key))}
        if missing := _lacking(keys, loaded):
            number, values = self._query(missing)
            for key in missing:
                self._keep(key, number, values.get(key))
                loaded[key] = (number, values.get(key))
            if values:
                self.shared.store(number, values)
        return loaded

    def _query(self, keys: Collection[K]) -> tuple[int, Mapping[K, V]]:
        known = feed.number
        try:
            with answer_within(DATABASE_SECONDS):
                number, values = self._read(keys)
                number = known if number is None else number  # what was known before is never too high
                if number > feed.number:  # we are ahead of the feed, which would not let these copies count yet
                    feed.catch_up()
        except Error:
            connection.close_if_unusable_or_obsolete()  # no request may end here that would do it
            raise
        return number, values

    def _keep(self, key: K, number: int, value: V | None) -> None:
        (self.absent if value is None else self.found).keep(self.log_key(key), Copy(value, number))


def _lacking(keys: Collection[K], answers: Collection[K]) -> list[K]:
    return [key for key in keys if key not in answers]
