"""What a server does first: look at the database, follow the change log, and log whether lookups have Redis."""

import logging

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from coherence.listener import listener
from personalities.cache import configs_in_redis
from resilience.database import DeadlineConnection, UnusableDatabase, answer_within, own_parameters

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0  # how long PostgreSQL may take to answer once connected


def start() -> None:
    """Start following the change log, and log whether lookups have Redis. Raises ImproperlyConfigured."""
    _refuse_unusable_database()
    listener.ensure()  # so that the copies in Redis count for the first request
    match configs_in_redis.state():
        case "ok":
            seconds = settings.COPY_TTL_SECONDS
            logger.info("Personality lookups run with Redis at %s, copies live %d s.", settings.REDIS_LOCATION, seconds)
        case "off":
            logger.info("Personality lookups run without Redis (REDIS_ENABLED=false).")
        case "unusable":
            logger.warning("Redis at %s answers, but keeps no copies.", settings.REDIS_LOCATION)
        case _:
            logger.warning("Redis at %s does not answer; personality lookups run without it.", settings.REDIS_LOCATION)


def _refuse_unusable_database() -> None:
    """Raise ImproperlyConfigured, with the reason, if the database cannot work as it is. This comes first, because what
    follows would fail with less helpful errors. A database that is merely out of reach does not prevent the start.
    """
    try:
        with answer_within(ANSWER_SECONDS):
            DeadlineConnection.connect(**own_parameters(connection)).close()
    except UnusableDatabase as error:
        raise ImproperlyConfigured(f"the database of DATABASE_URL: {error}") from None
    except psycopg.Error as error:
        logger.warning("The database of DATABASE_URL cannot be used now: %s", error)
