"""Compares the copies in Redis with their rows."""

from collections.abc import Iterator

from coherence.audit import Finding, Verdict, judge
from coherence.feed import feed
from personalities.cache import inventory
from personalities.cache.keys import stem
from personalities.copies import load

MEANING = {
    Verdict.SOUND: "what the row says",
    Verdict.OUTDATED: "older than its row; not believed",
    Verdict.FOREIGN: "damaged, incomplete, from the future, or of another release; at most its `:config` is believed",
    Verdict.WRONG: "not what the row says, and believed",
}


def run(name: str | None = None) -> Iterator[Finding]:
    """A verdict on each copy of the personality `name`, or of all. Raises RedisUnavailable."""
    for batch in inventory.copies(name):
        _, rows = load(batch.keys())
        feed.catch_up()
        yield from (judge(stem(key), copy, rows.get(key)) for key, copy in sorted(batch.items(), key=str))
