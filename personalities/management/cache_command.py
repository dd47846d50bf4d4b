"""What the cache commands of personalities have in common: which copies the names on the command line select."""

from argparse import ArgumentParser
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from coherence.commands import CacheCommand, Selection
from personalities.cache import Key, config_cache, configs_in_redis, owners_of
from personalities.config import PersonalityConfig
from personalities.management.arguments import canonical_names
from personalities.models import Personality
from personalities.owned_names import owned_names, owned_names_in_redis


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
