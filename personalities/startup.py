"""One line when a server starts: do lookups have Redis?"""

import logging

from django.conf import settings

from coherence.listener import listener
from coherence.redis_copies import state

logger = logging.getLogger(__name__)


def announce() -> None:
    """Start following the change log, and log whether lookups have Redis."""
    listener.ensure()  # so that the copies in Redis count for the first request
    match state():
        case "ok":
            seconds = settings.COPY_TTL_SECONDS
            logger.info("Personality lookups run with Redis at %s, kept for %d s.", settings.REDIS_LOCATION, seconds)
        case "off":
            logger.info("Personality lookups run without Redis (REDIS_ENABLED=false).")
        case _:
            logger.warning("Redis at %s does not answer; personality lookups run without it.", settings.REDIS_LOCATION)
