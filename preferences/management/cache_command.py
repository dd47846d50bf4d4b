"""What the cache commands of preferences have in common: whose copies the user names on the command line select."""

from argparse import ArgumentParser
from collections.abc import Collection, Sequence

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from coherence.commands import CacheCommand
from personalities.prompt import Wishes
from preferences.cache import wishes, wishes_in_redis


class PreferencesCacheCommand(CacheCommand[int, Wishes]):
    """Selects everybody's preferences, or those of the given users."""

    cache = wishes
    copies = wishes_in_redis

    def add_selection(self, parser: ArgumentParser) -> None:
        """Add the user names."""
        parser.add_argument("wanted", nargs="*", metavar="username", help="whose preferences; by default everybody's")

    def keys(self, wanted: Sequence[str]) -> Collection[int]:
        """The ids of the users. Raises CommandError for one who does not exist."""
        found = dict(User.objects.filter(username__in=wanted).values_list("username", "pk"))
        if unknown := [name for name in wanted if name not in found]:
            raise CommandError(f"username: there is no user {', '.join(f'{name!r:.120}' for name in unknown)}")
        return sorted(found.values())
