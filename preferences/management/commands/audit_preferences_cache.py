"""Compares copies in Redis with their rows."""

from coherence.commands import AuditCommand
from personalities.prompt import Wishes
from preferences.management.cache_command import PreferencesCacheCommand


class Command(PreferencesCacheCommand, AuditCommand[int, Wishes]):
    """Compares the copies of preferences in Redis with their rows, of all users or of those named."""

    help = (
        "Compare the copies of preferences in Redis with their rows, of all users or of those named. Fails when one is "
        "wrong or damaged; an outdated one is harmless."
    )
