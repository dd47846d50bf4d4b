"""Forgets copies."""

from coherence.commands import ClearCommand
from personalities.cache import Key
from personalities.config import PersonalityConfig
from personalities.management.cache_command import PersonalityCacheCommand


class Command(PersonalityCacheCommand, ClearCommand[Key, PersonalityConfig]):
    """Makes every process read personalities again, and deletes their copies in Redis."""

    help = (
        "Make every process read personalities anew, those named or all, and delete their copies from Redis. With all "
        "of them, processes read preferences, API keys and users anew too; no other key in Redis is touched. With "
        "Redis away the copies stay there, and are not served when it is back."
    )
