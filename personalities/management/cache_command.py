"""What the cache commands of personalities have in common: which copies the names on the command line select."""

from argparse import ArgumentParser
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F

from coherence.commands import CacheCommand, Selection, warm
from personalities.cache import Key, config_cache, configs_in_redis, owners_of
from personalities.config import PersonalityConfig
from personalities.management.arguments import canonical_names
from personalities.models import Personality
from personalities.owned_names import owned_names, owned_names_in_redis

EXPECTED_USERS = 100_000
ENTRIES_PER_BATCH = 1000  # most take about a hundred bytes


class PersonalityCacheCommand(CacheCommand[Key, PersonalityConfig]):
    """Selects all personalities, or those of the given names, whoever owns them; and their owners' lists of names."""

    cache = config_cache
    copies = configs_in_redis

    def add_selection(self, parser: ArgumentParser) -> None:
        """Add the names."""
        parser.add_argument("wanted", nargs="*", metavar="name", help="personality names, in any spelling")

    def keys(self, wanted: Sequence[str]) -> Collection[Key]:
        """The global one of each name, whether or not it exists, and each owner's."""
        names = canonical_names(wanted)
        rows = Personality.objects.filter(personality_name__in=names)
        return {(None, name) for name in names} | set(rows.values_list("owner_id", "personality_name"))

    def batches(self, wanted: Sequence[str]) -> Iterable[Collection[Key]]:
        """What is in Redis under the names, even of owners who no longer exist."""
        if not wanted:
            return self.copies.scan()
        return chain.from_iterable(self.copies.scan(f"personality:*:{name}:*") for name in canonical_names(wanted))

    def selections(self, wanted: Sequence[str]) -> list[Selection[Any, Any]]:
        """The personalities, and their owners' lists of names."""
        owners = [owners_of(self.keys(wanted))] if wanted else owned_names_in_redis.scan()
        return [*super().selections(wanted), Selection(owned_names, owned_names_in_redis, owners)]


def expected_owners() -> set[int]:
    """The ids of users for whom lookups are likely: the owners of personalities, the holders of API keys, and the
    EXPECTED_USERS who signed in last.
    """
    users = User.objects.filter(is_active=True)
    latest = users.order_by(F("last_login").desc(nulls_last=True), "pk")[:EXPECTED_USERS]
    holders = users.filter(api_keys__revoked_at=None, api_keys__isnull=False)
    owners = Personality.objects.exclude(owner=None).values_list("owner_id", flat=True)
    return {*owners, *holders.values_list("pk", flat=True), *latest.values_list("pk", flat=True)}


def warm_owned_names(owners: Collection[int]) -> None:
    """Copy the list of names of each of `owners` (ids) into Redis. Raises RedisUnavailable."""
    for _ in warm(owned_names, owned_names_in_redis, list(owners), ENTRIES_PER_BATCH):
        pass
