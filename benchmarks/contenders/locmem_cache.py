"""Django's LocMemCache: in memory, and true only for the process that writes."""

from benchmarks.commands import Commands
from benchmarks.contenders.django_cache import kept_in


def commands() -> Commands:
    return kept_in({"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})
