"""Forgets copies."""

from coherence.commands import ClearCommand
from personalities.prompt import Wishes
from preferences.management.cache_command import PreferencesCacheCommand


class Command(PreferencesCacheCommand, ClearCommand[int, Wishes]):
    """Makes every process read preferences anew, and deletes their copies from Redis."""

    help = (
        "Make every process read preferences anew, of all users or of those named, and delete their copies from Redis. "
        "No other key is touched. With Redis away the copies stay there, and are not served when it is back."
    )
