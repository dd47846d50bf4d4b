"""Django's cache API over one of its backends: what most projects do."""

from typing import Any

from benchmarks.commands import Commands, timed
from benchmarks.project import configure
from benchmarks.subject import NAME, SECONDS, stored


def kept_in(caches: dict[str, Any]) -> Commands:
    configure(CACHES=caches)
    from django.core.cache import cache

    backend = caches["default"]["BACKEND"]  # each writes values in its own way
    of_id, of_config = f"{backend}:{NAME}:id", f"{backend}:{NAME}:config"
    for key, value in zip((of_id, of_config), stored(), strict=True):
        cache.set(key, value, SECONDS)
    return timed(id=lambda: cache.get(of_id), config=lambda: cache.get(of_config))
