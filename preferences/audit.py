"""Compares the copies in Redis with their rows."""

from collections.abc import Collection, Iterator

from coherence.audit import Finding, Verdict, judge
from coherence.feed import feed
from preferences.cache import inventory, key_of
from preferences.copies import load

MEANING = {
    Verdict.SOUND: "what the row says",
    Verdict.OUTDATED: "older than its row; not believed",
    Verdict.FOREIGN: "damaged, somebody else's, from the future, or of another release; not believed",
    Verdict.WRONG: "not what the row says, and believed",
}


def run(users: Collection[int] | None = None) -> Iterator[Finding]:
    """A verdict on the copy of each of these users, or of all. Raises RedisUnavailable."""
    for batch in inventory.copies(users):
        _, rows = load(batch.keys())
        feed.catch_up()
        yield from (judge(key_of(user), copy, rows.get(user)) for user, copy in sorted(batch.items()))
