"""One line when a server starts: do lookups have Redis?"""

import logging

from django.conf import settings

from coherence.listener import listener
from personalities.cache import inventory

logger = logging.getLogger(__name__)


def announce() -> None:
    listener.ensure()  # so that the first request finds the copies in Redis believable
    match inventory.state():
        case "ok":
            seconds = settings.PERSONALITY_CACHE_SECONDS
            logger.info("Personality lookups run with Redis at %s, kept for %d s.", settings.REDIS_LOCATION, seconds)
        case "off":
            logger.info("Personality lookups run without Redis (REDIS_ENABLED=false).")
        case _:
            logger.warning("Redis at %s does not answer; personality lookups run without it.", settings.REDIS_LOCATION)
