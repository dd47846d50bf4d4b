"""Django's own RedisCache."""

from benchmarks.commands import Commands
from benchmarks.contenders.django_cache import kept_in
from benchmarks.project import redis_cache


def commands() -> Commands:
    return kept_in(redis_cache("django.core.cache.backends.redis.RedisCache"))
