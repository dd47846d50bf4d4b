"""Forgets copies."""

from coherence.commands import ClearCommand
from personalities.cache import Key
from personalities.config import PersonalityConfig
from personalities.management.cache_command import PersonalityCacheCommand


class Command(PersonalityCacheCommand, ClearCommand[Key, PersonalityConfig]):
    """Makes every process read personalities again, and deletes their copies in Redis."""

    help = (
        "Make every process read personalities anew, all or those named, and delete their copies from Redis. No other "
        "key is touched. With Redis away the copies stay there, and are not served when it is back."
    )
