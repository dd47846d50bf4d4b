"""What stands in the place of the clock, the listener and Redis, and a gate that holds up a load."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import Any

from coherence.change_log import Position
from coherence.shared import SharedCache
from coherence.tests.cache.rows import ID, NOBODY, OTHER
from tests.waiting import MAX_SECONDS


class Clock:
    """Shows the real time, and as much more as the test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead


class Deaf:
    """A listener that does nothing: the feed hears nothing from it, and nobody waits for it."""

    def ensure(self) -> None:
        pass


class InRedis(SharedCache[int, str]):
    """A shared cache in Redis that does what it must, and nothing more."""

    def __init__(self, redis: Any, prefix: str) -> None:
        self.redis, self.prefix = redis, prefix

    def get_many(self, keys: Collection[int]) -> Mapping[int, tuple[Position, str]]:
        values = zip(keys, self.redis.mget([f"{self.prefix}unit:{key}" for key in keys]), strict=True)
        stored = {key: json.loads(value) for key, value in values if value}
        return {key: (Position(*position), value) for key, (position, value) in stored.items()}

    def store(self, position: Position, values: Mapping[int, str]) -> None:
        self.redis.mset({f"{self.prefix}unit:{key}": json.dumps([position, value]) for key, value in values.items()})

    def delete(self, keys: Collection[int]) -> None:
        self.redis.delete(*[f"{self.prefix}unit:{key}" for key in keys])

    def clear(self) -> None:
        self.redis.delete(*[f"{self.prefix}unit:{key}" for key in (ID, OTHER, NOBODY)])


class Gate:
    """Holds up what comes by while it is closed."""

    def __init__(self) -> None:
        self.reached, self.opened = Event(), Event()
        self.opened.set()

    def pass_by(self) -> None:
        if not self.opened.is_set():
            self.reached.set()
            assert self.opened.wait(MAX_SECONDS)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Close the gate for the block, within which it may be opened earlier."""
        self.opened.clear()
        try:
            yield
        finally:
            self.opened.set()
