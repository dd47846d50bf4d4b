"""A Django project as a peer would have it: our tables as plain models, and its own apps, caches and views."""

import os
from typing import Any

import dj_database_url
import django
from django.conf import Settings, settings
from django.db import models

APPS = ("django.contrib.auth", "django.contrib.contenttypes", "pgtrigger", "coherence", "accounts", "personalities",
        "benchmarks")  # fmt: skip
POOL = {"min_size": 4, "max_size": 10}  # as large as the service's


def configure(*apps: str, **changes: object) -> None:
    """Set Django up with `apps` besides ours; `changes` are settings, all others are those of companion.settings.

    Call it before anything of Django is used.
    """
    settings.configure(
        Settings("companion.settings"),
        INSTALLED_APPS=[*APPS, *apps],
        MIDDLEWARE=[],
        DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"]) | {"OPTIONS": {"pool": POOL}}},
        **{"CACHES": redis_cache("django_redis.cache.RedisCache")} | changes,
    )
    django.setup()


def redis_cache(backend: str, **options: object) -> dict[str, dict[str, object]]:
    """Return CACHES with this backend on the Redis of the run."""
    return {"default": {"BACKEND": backend, "LOCATION": os.environ["REDIS_URL"], "OPTIONS": options}}


def plain(table: str = "personalities_personality") -> type[models.Model]:
    """Return the table of personalities as a plain model: without triggers, signals, versions or copies.

    Call it once, when Django is set up.
    """
    from personalities.models import Personality

    columns = {field.attname: _column(field) for field in Personality._meta.concrete_fields}
    meta = type("Meta", (), {"app_label": "benchmarks", "db_table": table, "managed": False})
    return type("Plain", (models.Model,), {"__module__": __name__, "Meta": meta, **columns})


def _column(field: Any) -> Any:
    """As Django has it: fields of ours canonicalize a name at each use, which a plain model would not do."""
    if isinstance(field, models.ForeignKey):
        return models.BigIntegerField(null=True)
    if isinstance(field, models.CharField) and type(field) is not models.CharField:
        return models.CharField(max_length=field.max_length)
    return field.clone()
