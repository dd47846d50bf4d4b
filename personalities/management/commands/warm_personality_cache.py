"""Copies rows into Redis."""

from collections.abc import Collection, Sequence

from django.core.management.base import CommandError

from coherence.commands import WarmCommand
from personalities.cache import Key, owners_of
from personalities.config import PersonalityConfig
from personalities.management.arguments import canonical_names
from personalities.management.cache_command import PersonalityCacheCommand
from personalities.models import Personality
from personalities.warming import expected_owners, warm_owned_names


class Command(PersonalityCacheCommand, WarmCommand[Key, PersonalityConfig]):
    """Copies personalities into Redis before anybody reads them."""

    help = (
        "Copy active personalities into Redis, all or those named, so that the first reader finds them there; and "
        "which names their owners have. Without a name also those of all users for whom lookups are likely."
    )
    noun = "personalities"

    def run(self, wanted: Sequence[str], *, as_json: bool, quiet: bool) -> None:
        """Copy the owners' lists of names, then the personalities."""
        warm_owned_names(owners_of(self.keys(wanted)) if wanted else expected_owners())
        super().run(wanted, as_json=as_json, quiet=quiet)

    def all_keys(self) -> Collection[Key]:
        """Every active personality."""
        return Personality.objects.active_keys()

    def keys(self, wanted: Sequence[str]) -> Collection[Key]:
        """The active personalities of the names. Raises CommandError for a name that has none."""
        names = canonical_names(wanted)
        keys = Personality.objects.filter(personality_name__in=names).active_keys()
        if unknown := {*names} - {name for _, name in keys}:
            raise CommandError(f"name: no active personality is named {', '.join(sorted(unknown))}")
        return keys
