"""The ORM on PostgreSQL, by itself and with what caches its queries."""

import os

from benchmarks.contender import Commands, timed
from benchmarks.databases import NAME, SECONDS
from benchmarks.project import configure, plain


def rows() -> Commands:
    """One column of the row, and the row, without building a configuration of it."""
    return _looked_up()


def cachalot() -> Commands:
    """django-cachalot, which answers whole queries from Django's cache."""
    return _looked_up("cachalot")


def cacheops() -> Commands:
    """django-cacheops, which answers queries from Redis and forgets those that a save may have changed."""
    profile = {"ops": {"get", "fetch"}, "timeout": SECONDS}
    return _looked_up("cacheops", CACHEOPS_REDIS=os.environ["REDIS_URL"], CACHEOPS={"benchmarks.plain": profile})


def _looked_up(*apps: str, **settings: object) -> Commands:
    """The same lookups in a project that has these apps, which may answer them in their own way."""
    configure(*apps, **settings)
    found = plain()._default_manager.filter(owner_id=None, is_active=True)
    return timed(
        id=lambda: found.values_list("id", flat=True).get(personality_name=NAME),
        config=lambda: found.get(personality_name=NAME),
    )
