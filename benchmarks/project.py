"""A Django project as a peer would have it: our tables and its own apps, caches and views."""

import os
from typing import Any

import dj_database_url
import django
from django.conf import Settings, settings

APPS = ("django.contrib.auth", "django.contrib.contenttypes", "pgtrigger", "coherence", "accounts", "personalities",
        "benchmarks")  # fmt: skip

POOL = {"min_size": 4, "max_size": 10}  # as large as the service's


def configure(*apps: str, **changes: Any) -> None:
    """Call it before anything of Django is used. What is not set here is as in companion.settings."""
    settings.configure(
        Settings("companion.settings"),
        INSTALLED_APPS=[*APPS, *apps],
        MIDDLEWARE=[],
        DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"]) | {"OPTIONS": {"pool": POOL}}},
        **{"CACHES": redis_cache("django_redis.cache.RedisCache")} | changes,
    )
    django.setup()


def redis_cache(backend: str, **options: Any) -> dict[str, dict[str, Any]]:
    """CACHES with this backend on the Redis of the run."""
    return {"default": {"BACKEND": backend, "LOCATION": os.environ["REDIS_URL"], "OPTIONS": options}}
