"""A state machine that does anything to the service, in any order, and compares it with the database each time."""

import io
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from coherence.cache import Source
from coherence.feed import IN_TOUCH_SECONDS, feed
from coherence.listener import listener
from personalities import owned_names
from personalities.cache import Key, codec, owners_of
from personalities.config import PersonalityConfig
from personalities.models import Personality
from resilience.redis_pool import breaker_of
from tests.faults.servers import RedisServer
from tests.faults.writes import WAYS, wipe

NAMES = ("ann", "bob", "cleo")
UNHEARD = ("raw_sql", "raw_sql_delete", "raw_sql_rename", "truncate")  # of these no hook tells the own process
CREATING = ("create", "bulk_create", "get_or_create")
CHANGING = ("save", "save_in_transaction", "update", "update_or_create", "upsert", "bulk_update")
RENAMING = ("save", "update", "bulk_update", "raw_sql_rename")
DELETING = ("delete", "delete_rows", "raw_delete", "raw_sql_delete", "truncate")
Answers = dict[Key, PersonalityConfig | None]
Moment = dict[str, bytes]  # what lies in Redis under our keys


class Difference(AssertionError):
    """The service has answered something else than the database says."""


class World:
    """The service in this process, its database, and a Redis to be broken.

    Lasts longer than one history: begin each with `renew`.
    """

    def __init__(self, redis: RedisServer, users: Sequence[int], prefix: str, clear_memory: Callable[[], None]) -> None:
        self.redis, self.owners, self.clear_memory = redis, (None, *users), clear_memory
        self.keys: list[Key] = [(owner, name) for owner in self.owners for name in NAMES]
        self._prefix, self._names = prefix, [name for key in self.keys for name in self._names_of(key, prefix)]
        self.is_up = True
        self.histories = self.checks = 0
        self.lookups: Counter[Source] = Counter()  # by where the answer was
        self._impatient()
        listener.ensure()  # as the first read does in any process

    @property
    def steps(self) -> int:
        """How many steps there were; each history is checked once before its first."""
        return self.checks - self.histories  # each is checked once before its first step

    def renew(self) -> None:
        """Begin a history with no row, no copy and Redis up. The feed keeps what it knows, as in an old process."""
        self.up()
        wipe()
        feed.catch_up()
        self.redis.client.delete(*self._names)
        self.clear_memory()
        self.histories += 1

    def compare(self) -> None:
        """Raise Difference unless every lookup answers what a plain query finds."""
        found, rows = self._answers(), self._rows()
        wrong = [f"{key}: {found[key]} instead of {rows[key]}" for key in self.keys if found[key] != rows[key]]
        if wrong:
            raise Difference("\n".join(wrong))

    def hear(self) -> None:
        """Wait until the feed knows all that is committed, for as long as is promised."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(number) FROM coherence_change")
            (number,) = cursor.fetchone()
        deadline = time.monotonic() + IN_TOUCH_SECONDS
        while feed.number < number:
            if time.monotonic() > deadline:
                raise Difference(f"change {number} was not heard of within {IN_TOUCH_SECONDS} s")
            time.sleep(0.0005)

    def clear(self, *names: str) -> None:
        """Run the command that clears the cache."""
        call_command("clear_personality_cache", *names, stdout=io.StringIO(), stderr=io.StringIO())

    def down(self) -> None:
        """Kill Redis."""
        self.redis.kill()
        self.is_up = False

    def up(self) -> None:
        """Start Redis with what it held before, and wait until the breaker lets the next read through."""
        if not self.is_up:
            self.redis.restart()
            self.is_up = True
        while (breaker := breaker_of()) and breaker.is_open:
            time.sleep(0.001)

    def moment(self) -> Moment:
        """Return what Redis holds under our keys."""
        values: list[bytes | None] = self.redis.client.mget(self._names)
        return {name: value for name, value in zip(self._names, values, strict=True) if value is not None}

    def plant(self, moment: Moment, ends: Sequence[str]) -> None:
        """Put back what Redis held, or only what was under `:id`, `:config` or `:names`."""
        if values := {name: value for name, value in moment.items() if name.endswith(tuple(ends))}:
            self.redis.client.mset(values)

    def evict(self, key: Key, ends: Sequence[str]) -> None:
        """Remove from Redis what it holds of one personality and, under `:names`, of its owner."""
        names = [name for name in self._names_of(key, self._prefix) if name.endswith(tuple(ends))]
        if names:  # nobody owns a global one
            self.redis.client.delete(*names)

    def _names_of(self, key: Key, prefix: str) -> list[str]:
        return [prefix + name for name in (*codec.redis_keys(key), *map(owned_names.codec.redis_key, owners_of([key])))]

    def _answers(self) -> Answers:
        answers = {(owner, name): Personality.objects.lookup(name, owner) for owner, name in self.keys}
        self.lookups.update(answer.source for answer in answers.values())
        return {key: answer.value for key, answer in answers.items()}

    def _rows(self) -> Answers:
        rows = {row.key: row.to_config() for row in Personality.objects.filter(is_active=True)}
        return {(owner, name): rows.get((owner, name)) or rows.get((None, name)) for owner, name in self.keys}

    def _impatient(self) -> None:
        """Real breakers pause for seconds, in which a history would never meet Redis again."""
        breaker = breaker_of()
        assert breaker is not None
        breaker.retry_after = (0.005, 0.01)


any_name, any_row = st.sampled_from(NAMES), st.integers(0, 8)
ends = st.sampled_from([(":id", ":config", ":names"), (":id", ":config"), (":id",), (":config",), (":names",)])


class Machine(RuleBasedStateMachine):
    """Steps in random order. The process must know at once what it wrote through Django; of raw SQL it hears first."""

    world: ClassVar[World]  # set before it plays: hypothesis makes a machine for each history

    def __init__(self) -> None:
        super().__init__()
        self.serial = 0
        self.past: list[Moment] = []
        self.world.renew()
        self._write("create", self._new(None, "ann"))

    @invariant()
    def service_is_database(self) -> None:
        """Compare after every step."""
        self.world.compare()
        self.world.checks += 1
        if self.world.is_up and (moment := self.world.moment()) not in self.past:
            self.past.append(moment)

    @rule(name=any_name, way=st.sampled_from(CREATING))
    def create(self, name: str, way: str) -> None:
        """Make a global personality."""
        self._write(way, self._new(None, name))

    @rule(name=any_name, user=st.sampled_from([1, 2]), way=st.sampled_from(CREATING))
    def shadow(self, name: str, user: int, way: str) -> None:
        """Make a user's own personality."""
        self._write(way, self._new(self.world.owners[user], name))

    @rule(nth=any_row, way=st.sampled_from([*CHANGING, "raw_sql"]), active=st.sampled_from([True, True, False]))
    def change(self, nth: int, way: str, active: bool) -> None:
        """Change a row."""
        self._write(way, self._changed(nth, is_active=active))

    @rule(nth=any_row, way=st.sampled_from([*CHANGING, "raw_sql"]))
    def deactivate(self, nth: int, way: str) -> None:
        """Switch a row off."""
        self._write(way, self._changed(nth, is_active=False))

    @rule(nth=any_row, way=st.sampled_from(RENAMING), to=any_name)
    def rename(self, nth: int, way: str, to: str) -> None:
        """Rename a row."""
        self._write(way, self._changed(nth, personality_name=to))

    @rule(nth=any_row, way=st.sampled_from(DELETING))
    def delete(self, nth: int, way: str) -> None:
        """Delete a row."""
        self._write(way, self._changed(nth))

    @rule(nth=any_row, way=st.sampled_from([*CHANGING, *RENAMING, *DELETING, "raw_sql"]), to=any_name)
    def rollback(self, nth: int, way: str, to: str) -> None:
        """Write and roll back; a read inside must show the write and not publish it."""
        with transaction.atomic():
            with suppress(IntegrityError), transaction.atomic():
                self._apply(way, self._changed(nth, personality_name=to))
            self.world.compare()
            transaction.set_rollback(True)

    @rule(names=st.sampled_from([(), ("ann",), ("bob", "cleo")]))
    def clear(self, names: Sequence[str]) -> None:
        """Clear the cache."""
        self.world.clear(*names)

    @precondition(lambda self: self.world.is_up)
    @rule()
    def redis_down(self) -> None:
        """Kill Redis."""
        self.world.down()

    @precondition(lambda self: not self.world.is_up)
    @rule()
    def redis_up(self) -> None:
        """Start Redis again."""
        self.world.up()

    @precondition(lambda self: self.world.is_up)
    @rule(nth=any_row, ends=ends)
    def evict(self, nth: int, ends: Sequence[str]) -> None:
        """Remove keys from Redis."""
        self.world.evict(self.world.keys[nth], ends)

    @precondition(lambda self: self.world.is_up and self.past)
    @rule(ago=st.integers(0, 50), ends=ends)
    def plant(self, ago: int, ends: Sequence[str]) -> None:
        """Put back what Redis held at an earlier step."""
        self.world.plant(self.past[-1 - ago % len(self.past)], ends)

    @precondition(lambda self: self.world.is_up and self.past)
    @rule(ago=st.integers(0, 50), ends=ends)
    def plant_for_newcomer(self, ago: int, ends: Sequence[str]) -> None:
        """Put back what Redis held at an earlier step, for a process that has just started."""
        self.plant(ago, ends)
        self.world.clear_memory()

    @rule()
    def clear_memory(self) -> None:
        """Forget all copies in memory, as a process that has just started."""
        self.world.clear_memory()

    def _new(self, owner: int | None, name: str) -> Personality:
        return Personality(owner_id=owner, personality_name=name, greeting=self._greeting())

    def _changed(self, nth: int, **values: object) -> Personality | None:
        """One of the rows, with another greeting and `values`; not yet written."""
        rows = list(Personality.objects.order_by("personality_name", "owner"))
        row = rows[nth % len(rows)] if rows else None
        for field, value in {"greeting": self._greeting(), **values}.items() if row else ():
            setattr(row, field, value)
        return row

    def _write(self, way: str, row: Personality | None) -> None:
        with suppress(IntegrityError):  # the name is taken: one of the things that happen
            self._apply(way, row)
        if way in UNHEARD:
            self.world.hear()

    def _apply(self, way: str, row: Personality | None) -> None:
        if row:
            WAYS[way](row)

    def _greeting(self) -> str:
        self.serial += 1
        return str(self.serial)
