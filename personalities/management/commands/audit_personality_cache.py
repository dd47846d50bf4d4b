"""Compares copies in Redis with their rows."""

from coherence.commands import AuditCommand
from personalities.cache import Key
from personalities.config import PersonalityConfig
from personalities.management.cache_command import PersonalityCacheCommand


class Command(PersonalityCacheCommand, AuditCommand[Key, PersonalityConfig]):
    """Compares copies in Redis with what they are copies of."""

    help = (
        "Compare the copies in Redis with their rows, of all personalities or of those named. Fails when one is wrong "
        "or damaged; an outdated one is harmless."
    )
