"""Lookups in this process's memory, then in a cache that processes share, then in PostgreSQL."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, get_args

from django.db import DEFAULT_DB_ALIAS, Error, connection, models
from django.db.models.signals import post_delete, post_save

from coherence import change_log
from coherence.change_log import CopyRef, Position
from coherence.feed import IN_TOUCH_SECONDS, catch_up_on_commit, feed
from coherence.listener import listener
from coherence.local_cache import NO_REVISION, Copy, LocalCache, weightless
from coherence.shared import NoSharedCache, SharedCache
from coherence.single_flight import SingleFlight
from resilience.database import answer_within
from resilience.transactions import NOT_IN_TRANSACTION, after_commit, in_transaction, this_thread

K = TypeVar("K")
V = TypeVar("V")
M = TypeVar("M", bound=models.Model)

LOAD_SECONDS = 2.0  # how long PostgreSQL may take for one load of a lookup, or for one question to the change log
ATTEMPTS = 3  # loads of one lookup; another is made when a commit outdated the one before

Source = Literal["near", "redis", "database"]  # "near" is this process's memory, by its name on the wire
SOURCES: tuple[Source, ...] = get_args(Source)  # from near to far


class Answer(NamedTuple, Generic[V]):
    """What a lookup found: the value, None when there is no such row, and where it came from; a load under way that was
    joined, or has just ended, counts as the database.

    `age` is for how many seconds this process has not known whether the copy is still true: 0 while it is in touch with
    PostgreSQL, within `feed.IN_TOUCH_SECONDS`, and for a row just read.
    """

    value: V | None
    source: Source
    age: float = 0.0

    @property
    def unverified(self) -> bool:
        """Whether it is a copy from a process out of touch with the change log: the row may have changed since."""
        return self.age > 0


def memory_may_answer() -> bool:
    """Whether a current copy in memory may answer without asking anybody: in touch, and outside a transaction.

    Hot path: `in_transaction` is inlined by hand. No lock, no I/O, no log line.
    """
    if feed.clock() - feed.last_synced > IN_TOUCH_SECONDS:
        return False
    wrapper = this_thread.connection
    if wrapper is None:
        return True
    if wrapper.in_atomic_block:
        return False
    return wrapper.connection is None or wrapper.connection.pgconn.transaction_status in NOT_IN_TRANSACTION


class CoherentCache(Generic[K, V]):
    """Copies of one kind of row. Values must be immutable: every caller is handed the same object.

    Inside a transaction no copy is read and none is kept: the writer sees its own rows, nobody else does.
    """

    by_kind: "ClassVar[dict[str, CoherentCache[Any, Any]]]" = {}

    def __init__(
        self,
        kind: str,
        load: Callable[[Collection[K]], tuple[Position | None, Mapping[K, V]]],
        log_key: Callable[[K], str],
        *,
        shared: SharedCache[K, V] | None = None,
        capacity: int,
        stale_if_error_seconds: float,
        weigh: Callable[[V], int] = weightless,
        max_weight: int = 0,
    ) -> None:
        """`kind` names the cache in metrics. `load` reads rows and the position of the change log in one statement, as
        `change_log.NumberedQuery` does. `log_key` is what the model's triggers note. Up to `capacity` values, and as
        many absences, are kept in memory, and served for `stale_if_error_seconds` while PostgreSQL is out of reach.
        With `weigh`, give `max_weight` too: it bounds what all values weigh together. At 0 only the latest is kept.
        """
        self.kind, self.load, self.log_key, self.stale_if_error_seconds = kind, load, log_key, stale_if_error_seconds
        self.shared: SharedCache[K, V] = shared or NoSharedCache()
        self.capacity, self.weigh, self.max_weight = capacity, weigh, max_weight
        self.unverified_answers = 0  # answers given while out of touch with the change log
        self._counted: Counter[tuple[Source, bool]] = Counter()
        self._new_memory()
        self.by_kind[kind] = self
        os.register_at_fork(after_in_child=self.clear_memory)

    def clear_memory(self) -> None:
        """Forget all copies, but not the counts. Must run in a forked child: threads that did not survive the fork may
        hold locks or be mid-load.
        """
        self.positive.retire_all()
        self.negative.retire_all()
        self._counted = self.lookups
        self._new_memory()

    def _new_memory(self) -> None:
        self.positive: LocalCache[K, V] = LocalCache(self.capacity, self.weigh, self.max_weight)
        self.negative: LocalCache[K, V] = LocalCache(self.capacity)  # apart: invented keys must not evict real ones
        self.loads = SingleFlight(self._load, _load_deadline)
        self.log_questions = SingleFlight(self._ask_log, _load_deadline)
        self._counting = threading.Lock()

    # ── In memory ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def copy_from_memory(self, key: K) -> Copy[K, V] | None:
        """The copy that answers a lookup of `key` without asking anybody, if there is one; read it by `Copy.read`."""
        return self.current_copy(key) if memory_may_answer() else None

    def current_copy(self, key: K) -> Copy[K, V] | None:
        """The copy of `key` in memory if it is current as far as this process knows, which may be out of touch."""
        copy = self.positive.get(key) or self.negative.get(key)
        # As `is_current`, without its call: it is asked on every lookup.
        return copy if copy is not None and (copy.revision == feed.revision or self._compare(copy)) else None

    def is_current(self, copy: Copy[K, V]) -> bool:
        """Whether `copy` is known to be current."""
        return copy.revision == feed.revision or self._compare(copy)

    def _compare(self, copy: Copy[K, V]) -> bool:
        """Compare with the feed, and remember the result for this revision of it."""
        revision = feed.revision  # read first: whatever becomes known meanwhile forces another comparison
        is_current = feed.is_current(self.log_key(copy.key), copy.position)
        copy.revision = revision if is_current else NO_REVISION
        return is_current

    # ── Lookups ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, key: K) -> Answer[V]:
        """The answer for `key`, counted. Raises OperationalError when PostgreSQL is needed and out of reach."""
        if copy := self.copy_from_memory(key):
            return Answer(copy.read(), "near")
        answer = self.get_many([key])[key]
        self.count(answer)
        return answer

    def get_many(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        """An answer for each of `keys`. Not counted: call `count` for each answer you use. Raises as `get` does."""
        if not keys:
            return {}
        return self._read_in_transaction(keys) if in_transaction() else self._read_copies_or_rows(keys)

    def count(self, answer: Answer[V]) -> None:
        """Count an answer of `get_many` for metrics. A caller may need several answers to give one."""
        with self._counting:
            self._counted[answer.source, answer.value is not None] += 1
            self.unverified_answers += answer.unverified

    @property
    def lookups(self) -> "Counter[tuple[Source, bool]]":
        """Answers given, by source and by whether there was a row."""
        reads: dict[tuple[Source, bool], int] = {("near", True): self.positive.reads}
        reads["near", False] = self.negative.reads
        return self._counted.copy() + Counter(reads)  # copied in one step: other threads count on

    def _read_in_transaction(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        _, values = self.load(keys)
        return {key: Answer(values.get(key), "database") for key in keys}

    def _read_copies_or_rows(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        answers: dict[K, Answer[V]] = {}
        if (age := self._wait_for_feed()) is not None:
            answers = {key: Answer(copy.value, "near", age) for key in keys if (copy := self.current_copy(key))}
            if missing := _missing(keys, answers):
                answers |= self._from_shared(missing, age)
        if missing := _missing(keys, answers):
            answers |= self._from_database(missing)
        return answers

    def _wait_for_feed(self) -> float | None:
        """Unless this process is in touch, start the listener if need be, and give it a moment (`Listener.ensure`).

        Returns the age of copies that may answer, in seconds; 0 while in touch, None above `stale_if_error_seconds`.
        """
        if not feed.in_touch:
            listener.ensure()
            if (age := feed.age) > IN_TOUCH_SECONDS:
                return age if age <= self.stale_if_error_seconds else None
        return 0.0

    def _from_shared(self, keys: Collection[K], age: float) -> dict[K, Answer[V]]:
        answers: dict[K, Answer[V]] = {}
        copies = self.shared.get_many(keys)
        if not age:
            self.ask_about(copies)
        for key, (position, value) in copies.items():
            if feed.is_current(self.log_key(key), position) and feed.has_commit(position.number):
                self._keep(key, position, value)
                answers[key] = Answer(value, "redis", age)
        return answers

    def _from_database(self, keys: Collection[K]) -> dict[K, Answer[V]]:
        """One load per key at a time. If a joined load predates a change that this process knows, load again."""
        answers: dict[K, Answer[V]] = {}
        for _ in range(ATTEMPTS):
            if not keys:
                break
            loaded = self.loads.get_many(keys)
            answers |= {key: Answer(value, "database") for key, (_, value) in loaded.items()}
            keys = [key for key, (position, _) in loaded.items() if feed.may_be_outdated(self.log_key(key), position)]
        return answers

    def _load(self, keys: Collection[K]) -> dict[K, tuple[Position, V | None]]:
        """Look in memory again first: another load may have finished since."""
        loaded: dict[K, tuple[Position, V | None]] = {}
        if feed.in_touch:
            loaded = {key: (copy.position, copy.value) for key in keys if (copy := self.current_copy(key))}
        if missing := _missing(keys, loaded):
            position, values = self._query(missing)
            for key in missing:
                self._keep(key, position, values.get(key))
                loaded[key] = (position, values.get(key))
            if values:
                self.shared.store(position, values)
        return loaded

    def _query(self, keys: Collection[K]) -> tuple[Position, Mapping[K, V]]:
        known = feed.position
        position, values = self.load(keys)
        position = position or known  # known before the query: a safe lower bound
        if position.history != feed.position.history or position.number > feed.number:
            feed.catch_up()  # the feed is behind, and would not let these copies count yet
        return position, values

    def ask_about(self, copies: Mapping[K, tuple[Position, V | None]]) -> None:
        """Have the feed ask the log about those of `copies` that are older than what it remembers.

        Raises OperationalError when PostgreSQL is out of reach. Callers that ask about the same copy share one query.
        """
        known = {self.log_key(key): position for key, (position, _) in copies.items()}
        if unsure := [CopyRef(at.number, key) for key, at in known.items() if feed.is_unsure(key, at)]:
            self.log_questions.get_many(unsure)

    def _ask_log(self, questions: Collection[CopyRef]) -> dict[CopyRef, None]:
        self.query_log(questions)
        return dict.fromkeys(questions)

    def query_log(self, questions: Collection[CopyRef]) -> None:
        """Have the feed ask the log whether the copies in `questions` are outdated."""
        feed.ask(questions)

    def _keep(self, key: K, position: Position, value: V | None) -> None:
        keeper, other = (self.negative, self.positive) if value is None else (self.positive, self.negative)
        keeper.keep(Copy(key, value, position))
        other.drop(key, position)

    # ── Invalidation ──────────────────────────────────────────────────────────────────────────────────────────────────

    def invalidate(self, keys: Collection[K]) -> None:
        """Make every process read `keys` again. Works without Redis: it records a change in the change log.

        Call it outside long transactions: other writers' commits wait for the log until this one commits.
        """
        change_log.record(map(self.log_key, keys))
        catch_up_on_commit()

    def forget_on_commit(self, keys: Collection[K], *, using: str = DEFAULT_DB_ALIAS) -> None:
        """After the commit, have this process catch up with the change log, and drop the shared copies of `keys`.

        Both only speed things up: correctness comes from the triggers and the numbers.
        """
        catch_up_on_commit(using)
        after_commit(self.shared.delete, keys, using=using)

    def forget_on_save(self, model: type[M], keys: Callable[[M], Collection[K]]) -> None:
        """After each save and deletion of an instance of `model`, `forget_on_commit` what `keys(instance)` names."""

        def on_write(sender: type[M], instance: M, using: str, **kwargs: object) -> None:
            self.forget_on_commit(keys(instance), using=using)

        post_save.connect(on_write, sender=model, weak=False, dispatch_uid=f"coherence: {self.kind}")
        post_delete.connect(on_write, sender=model, weak=False, dispatch_uid=f"coherence: {self.kind}")


@contextmanager
def _load_deadline() -> Iterator[None]:
    """Give one load, or one question, LOAD_SECONDS in all, waiting included; then raise OperationalError."""
    try:
        with answer_within(LOAD_SECONDS):
            yield
    except Error:
        connection.close_if_unusable_or_obsolete()  # outside a request nobody else would
        raise


def _missing(keys: Collection[K], answers: Collection[K]) -> list[K]:
    return [key for key in keys if key not in answers]
