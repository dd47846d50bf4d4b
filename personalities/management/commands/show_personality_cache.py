"""Shows copies in Redis."""

from coherence.commands import ShowCommand
from personalities.cache import Key
from personalities.config import PersonalityConfig
from personalities.management.cache_command import PersonalityCacheCommand


class Command(PersonalityCacheCommand, ShowCommand[Key, PersonalityConfig]):
    """Shows what Redis has of personalities, and for how long."""

    help = "Show the cached copies in Redis: keys, seconds left, size in bytes; and the hit rate of the Redis server."
