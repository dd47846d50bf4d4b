"""Copies rows into Redis before anybody reads them."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from coherence.cache import CoherentCache
from coherence.feed import feed
from coherence.redis_copies import RedisCopies

K = TypeVar("K")
V = TypeVar("V")

BATCH = 100  # copies per round trip, some 300 KB: well within Redis's 0.1 s even on a busy machine


def warm(cache: CoherentCache[K, V], copies: RedisCopies[K, V], keys: Sequence[K], batch: int = BATCH) -> Iterator[int]:
    """Copy the rows of `keys` into Redis in batches; yields how many of each were copied. Raises RedisUnavailable."""
    feed.catch_up()  # the database may have been restored unnoticed: copies would carry a history that is over
    known = feed.position  # a safe lower bound for values made from no row at all, which come without a position
    for start in range(0, len(keys), batch):
        position, values = cache.load(keys[start : start + batch])
        yield copies.put_or_raise(position or known, values)
