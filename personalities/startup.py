"""What a server does first: follow the change log, and log whether lookups have Redis."""

import logging

from django.conf import settings

from coherence.listener import listener
from personalities.cache import redis_copies

logger = logging.getLogger(__name__)


def start() -> None:
    """Start following the change log, and log whether lookups have Redis."""
    listener.ensure()  # so that the copies in Redis count for the first request
    match redis_copies.state():
        case "ok":
            seconds = settings.COPY_TTL_SECONDS
            logger.info("Personality lookups run with Redis at %s, copies live %d s.", settings.REDIS_LOCATION, seconds)
        case "off":
            logger.info("Personality lookups run without Redis (REDIS_ENABLED=false).")
        case "unusable":
            logger.warning("Redis at %s answers, but keeps no copies.", settings.REDIS_LOCATION)
        case _:
            logger.warning("Redis at %s does not answer; personality lookups run without it.", settings.REDIS_LOCATION)
