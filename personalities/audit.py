"""Compares the copies in Redis with their rows: does any process believe what is no longer so?"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from coherence.feed import feed
from personalities.cache import inventory
from personalities.cache.keys import Key, stem
from personalities.config import PersonalityConfig
from personalities.copies import load

Copy = tuple[int, PersonalityConfig]


class Verdict(StrEnum):
    SOUND = "sound"
    OUTDATED = "outdated"
    FOREIGN = "foreign"
    WRONG = "wrong"


MEANING = {
    Verdict.SOUND: "what the row says",
    Verdict.OUTDATED: "older than its row; not believed",
    Verdict.FOREIGN: "damaged, incomplete, from the future, or of another release; at most its `:config` is believed",
    Verdict.WRONG: "not what the row says, and believed",
}


class Finding(NamedTuple):
    key: str
    verdict: Verdict


def run(name: str | None = None) -> Iterator[Finding]:
    """A verdict on each copy of the personality `name`, or of all. Raises RedisUnavailable."""
    for batch in inventory.copies(name):
        _, rows = load(batch.keys())
        feed.catch_up()  # last: a row that changed since its copy was read makes the copy outdated, not wrong
        yield from (
            Finding(stem(key), _judge(key, copy, rows.get(key))) for key, copy in sorted(batch.items(), key=str)
        )


def _judge(key: Key, copy: Copy | None, row: PersonalityConfig | None) -> Verdict:
    if copy is None:
        return Verdict.FOREIGN
    number, config = copy
    if number > feed.number:
        return Verdict.FOREIGN
    if not feed.current(stem(key), number):
        return Verdict.OUTDATED
    return Verdict.SOUND if config == row else Verdict.WRONG
