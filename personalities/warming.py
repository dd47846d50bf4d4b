"""Copies into Redis before anybody asks for them."""

from collections.abc import Iterator, Sequence

from personalities.cache import inventory
from personalities.cache.keys import Key
from personalities.copies import load

BATCH = 100  # some 300 KB: well within Redis' 0.1 s, also on a busy machine


def warm(keys: Sequence[Key]) -> Iterator[int]:
    """Copy the active ones of `keys`, a batch at a time; how many each was. Raises RedisUnavailable."""
    for start in range(0, len(keys), BATCH):
        number, configs = load(keys[start : start + BATCH])
        yield inventory.store(number or 0, configs.values())
