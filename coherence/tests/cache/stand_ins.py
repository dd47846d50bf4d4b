"""What stands in the place of the clock, the listener and Redis, and a gate that holds up a load."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import Any

from coherence.log import Position
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
    """In the place of the listener: nobody tells the feed anything, and nobody waits for that."""

    def ensure(self) -> None:
        pass


class InRedis(SharedCache[int, str]):
    """What a cache that processes share has to do, and nothing more."""

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
        """Until the end, at the latest."""
        self.opened.clear()
        try:
            yield
        finally:
            self.opened.set()
