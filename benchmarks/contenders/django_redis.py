"""django-redis with its JSON serializer."""

from benchmarks.commands import Commands
from benchmarks.contenders.django_cache import kept_in
from benchmarks.project import redis_cache


def commands() -> Commands:
    serializer = "django_redis.serializers.json.JSONSerializer"
    return kept_in(redis_cache("django_redis.cache.RedisCache", SERIALIZER=serializer))
