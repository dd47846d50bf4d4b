"""What the state machine plays with: the service in this process, its database, and a Redis to be maltreated."""

import io
import time
from collections import Counter
from collections.abc import Callable, Sequence

from django.core.management import call_command
from django.db import connection

from coherence.answer import Source
from coherence.feed import IN_TOUCH_SECONDS, feed
from coherence.listener import listener
from personalities.cache import redis_names
from personalities.cache.keys import Key
from personalities.config import PersonalityConfig
from personalities.models import Personality
from resilience.redis_pool import breaker_of
from tests.faults import machine_writes
from tests.faults.servers import RedisServer

NAMES = ("ann", "bob", "cleo")
Answers = dict[Key, PersonalityConfig | None]
Moment = dict[str, bytes]  # what lies in Redis under our keys


class Difference(AssertionError):
    """The service has answered something else than the database says."""


class World:
    """Lasts longer than one history: begin each with `renew`."""

    def __init__(self, redis: RedisServer, users: Sequence[int], prefix: str, forget_near: Callable[[], None]) -> None:
        self.redis, self.owners, self.forget_near = redis, (None, *users), forget_near
        self.keys: list[Key] = [(owner, name) for owner in self.owners for name in NAMES]
        self._prefix, self._names = prefix, [prefix + name for name in redis_names(self.keys)]
        self.is_up = True
        self.histories = self.checks = 0
        self.lookups: Counter[Source] = Counter()  # by where the answer was
        self._impatient()
        listener.ensure()  # as the first read does in any process

    @property
    def steps(self) -> int:
        return self.checks - self.histories  # each is checked once before its first step

    def renew(self) -> None:
        """No row, no copy, Redis up. What the feed knows stays, as in a process that has run for long."""
        self.up()
        machine_writes.wipe()
        feed.catch_up()
        self.redis.client.delete(*self._names)
        self.forget_near()
        self.histories += 1

    def compare(self) -> None:
        """Raise Difference unless every lookup answers what a plain query finds."""
        found, rows = self._answers(), self._rows()
        wrong = [f"{key}: {found[key]} instead of {rows[key]}" for key in self.keys if found[key] != rows[key]]
        if wrong:
            raise Difference("\n".join(wrong))

    def hear(self) -> None:
        """Wait until the feed knows all that is committed, as long as is promised and no longer."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(number) FROM coherence_change")
            (number,) = cursor.fetchone()
        deadline = time.monotonic() + IN_TOUCH_SECONDS
        while feed.number < number:
            if time.monotonic() > deadline:
                raise Difference(f"change {number} was not heard of within {IN_TOUCH_SECONDS} s")
            time.sleep(0.0005)

    def clear(self, *names: str) -> None:
        call_command("clear_personality_cache", *names, stdout=io.StringIO(), stderr=io.StringIO())

    def down(self) -> None:
        self.redis.kill()
        self.is_up = False

    def up(self) -> None:
        """With what it held before; the breaker lets the next read through."""
        if not self.is_up:
            self.redis.restart()
            self.is_up = True
        while (breaker := breaker_of()) and breaker.is_open:
            time.sleep(0.001)

    def moment(self) -> Moment:
        values: list[bytes | None] = self.redis.client.mget(self._names)
        return {name: value for name, value in zip(self._names, values, strict=True) if value is not None}

    def plant(self, moment: Moment, ends: Sequence[str]) -> None:
        """Put that back, or only what lies under `:id` or `:config`."""
        if values := {name: value for name, value in moment.items() if name.endswith(tuple(ends))}:
            self.redis.client.mset(values)

    def evict(self, key: Key, ends: Sequence[str]) -> None:
        self.redis.client.delete(*(self._prefix + name for name in redis_names([key]) if name.endswith(tuple(ends))))

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
