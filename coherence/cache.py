"""Looks things up: near, then in a shared cache, then in PostgreSQL; and serves no copy that its row has outlived."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from django.db import Error, connection

from coherence.answer import Answer, Source
from coherence.feed import IN_TOUCH_SECONDS, feed
from coherence.flight import SingleFlight
from coherence.listener import listener
from coherence.near import NONE, Copy, NearCache
from coherence.shared import Nothing, Shared
from coherence.transactions import IDLE, here, in_transaction
from resilience.database import answer_within

K = TypeVar("K")
V = TypeVar("V")

DATABASE_SECONDS = 2.0  # a lookup that needs PostgreSQL fails when it has not answered by then
ATTEMPTS = 3


def may_answer() -> bool:
    """Whether a copy that is true may answer, and nobody else be asked: in touch, outside transactions.

    Nearly every lookup comes through here, and so it is written flat, `in_transaction` once more included: no lock, no
    I/O, no log line, no object made.
    """
    if feed.clock() - feed.heard > IN_TOUCH_SECONDS:
        return False
    django = here.connection
    if django is None or django.in_atomic_block:
        return django is None
    return django.connection is None or django.connection.pgconn.transaction_status in IDLE


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
        self._counted: Counter[tuple[Source, bool]] = Counter()
        self.unverified = 0
        self._read = load
        self._make_room()
        self.by_kind[kind] = self
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """In a forked child: locks may be held, and loads under way, by threads that it does not have."""
        self._counted = self.lookups
        self.found.retire_all()
        self.absent.retire_all()
        self._make_room()

    def _make_room(self) -> None:
        self.found: NearCache[K, V] = NearCache(self.capacity)
        self.absent: NearCache[K, V] = NearCache(self.capacity)  # apart: invented keys must not push out real ones
        self._flights = SingleFlight(self._load)

    def hit(self, key: K) -> Copy[K, V] | None:
        """The copy that answers a lookup without asking anybody. Whoever answers with it adds to its reads."""
        return self.near(key) if may_answer() else None

    def near(self, key: K) -> Copy[K, V] | None:
        """The copy that is near and true, for who knows that it `may_answer`."""
        copy = self.found.get(key) or self.absent.get(key)
        return copy if copy is not None and self.is_true(copy) else None

    def is_true(self, copy: Copy[K, V]) -> bool:
        """Whether its row is not known to have changed."""
        return copy.edition == feed.edition or self._compare(copy)

    def _compare(self, copy: Copy[K, V]) -> bool:
        """Compare numbers once, and no more until something has changed."""
        edition = feed.edition  # before the comparison: what becomes known meanwhile makes it compare again
        is_true = feed.current(self.log_key(copy.key), copy.number)
        copy.edition = edition if is_true else NONE
        return is_true

    def get(self, key: K) -> Answer[V]:
        if copy := self.hit(key):
            copy.reads += 1
            return Answer(copy.value, "near")
        answer = self.get_many([key])[key]
        self.count(answer)
        return answer

    def get_many(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        """An answer for every key. Raises OperationalError when PostgreSQL is needed and out of reach."""
        if not keys:
            return {}
        return self._in_transaction(keys) if in_transaction() else self._look(keys)

    @property
    def lookups(self) -> "Counter[tuple[Source, bool]]":
        """Answers given, by where they were and whether there was something."""
        reads: dict[tuple[Source, bool], int] = {("near", True): self.found.reads, ("near", False): self.absent.reads}
        return self._counted + Counter(reads)

    def count(self, answer: Answer[V]) -> None:
        """For metrics. Somebody may need several answers to give one."""
        self._counted[answer.source, answer.value is not None] += 1
        self.unverified += answer.unverified

    def _in_transaction(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        _, values = self._read(keys)
        return {key: Answer(values.get(key), "database") for key in keys}

    def _look(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        answers: dict[K, Answer[V]] = {}
        if (age := self._age()) is not None:
            answers = self._near(keys, age)
            if missing := _lacking(keys, answers):
                answers |= self._from_shared(missing, age)
        if missing := _lacking(keys, answers):
            answers |= self._from_database(missing)
        return answers

    def _age(self) -> float | None:
        """How long ago what we know was all there is: 0 while in touch, None when that is too long to serve copies."""
        if not feed.in_touch:
            listener.ensure()
            age = feed.age
            if age > IN_TOUCH_SECONDS:
                return age if age <= self.stale_seconds else None
        return 0.0

    def _near(self, keys: Collection[K], age: float) -> dict[K, Answer[V]]:
        return {key: Answer(copy.value, "near", age) for key in keys if (copy := self._current(key))}

    def _current(self, key: K) -> Copy[K, V] | None:
        copy = self.found.get(key) or self.absent.get(key)
        return copy if copy and feed.current(self.log_key(key), copy.number) else None

    def _from_shared(self, keys: Collection[K], age: float) -> dict[K, Answer[V]]:
        answers: dict[K, Answer[V]] = {}
        for key, (number, value) in self.shared.get_many(keys).items():
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
        keeper, other = (self.absent, self.found) if value is None else (self.found, self.absent)
        keeper.keep(Copy(key, value, number))
        other.drop(key, number)


def _lacking(keys: Collection[K], answers: Collection[K]) -> list[K]:
    return [key for key in keys if key not in answers]
