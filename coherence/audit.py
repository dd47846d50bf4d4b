"""Compare the copies in Redis with their rows: would any process serve what is no longer true?"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from coherence.cache import CoherentCache
from coherence.change_log import Position
from coherence.feed import feed
from coherence.redis_copies import RedisCopies

K = TypeVar("K")
V = TypeVar("V")


class Verdict(StrEnum):
    """What a copy in Redis is worth."""

    SOUND = "sound"
    OUTDATED = "outdated"
    INCOMPATIBLE = "incompatible"
    FOREIGN = "foreign"
    WRONG = "wrong"


MEANING: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.SOUND: "what the row says",
        Verdict.OUTDATED: "older than its row, or of a history that is over; not served",
        Verdict.INCOMPATIBLE: "of another release; not served",
        Verdict.FOREIGN: "damaged, incomplete, of another row, or from a commit that the log does not have",
        Verdict.WRONG: "not what the row says, and served",
    }
)


class Finding(NamedTuple):
    """The verdict on the copy of the row that the change log calls `key`."""

    key: str
    verdict: Verdict


def audit(cache: CoherentCache[K, V], copies: RedisCopies[K, V], batches: Iterable[Collection[K]]) -> Iterator[Finding]:
    """A verdict on each copy of the keys in `batches`. Raises RedisUnavailable."""
    seen: set[K] = set()
    for keys in batches:
        found = copies.read_or_raise(set(keys) - seen)  # SCAN may return a key twice
        seen |= found.keys()
        _, rows = cache.load(found.keys())
        feed.catch_up()  # after the rows were read: a row that changed since makes its copy outdated, not wrong
        cache.ask_about({key: copy for key, copy in found.items() if copy})
        verdicts = [
            Finding(cache.log_key(key), _verdict(cache, key, copy, rows.get(key))) for key, copy in found.items()
        ]
        yield from sorted(verdicts)


def _verdict(cache: CoherentCache[K, V], key: K, copy: tuple[Position, V | None] | None, row: V | None) -> Verdict:
    if copy is None:
        return Verdict.FOREIGN
    position, value = copy
    if position.number > feed.number and position.history in ("", feed.position.history):
        return Verdict.FOREIGN
    if value is None:
        return Verdict.INCOMPATIBLE
    if feed.may_be_outdated(cache.log_key(key), position):
        return Verdict.OUTDATED
    if not feed.has_commit(position.number):
        return Verdict.FOREIGN
    return Verdict.SOUND if value == row else Verdict.WRONG
