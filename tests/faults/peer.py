"""What most projects do: django-redis as it comes, with a short timeout and its errors ignored, and no breaker."""

from functools import cache
from typing import Any

from django.conf import settings
from django_redis.cache import RedisCache

from personalities.models import Personality

OPTIONS = {
    "IGNORE_EXCEPTIONS": True,
    "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
    "SOCKET_CONNECT_TIMEOUT": 0.1,
    "SOCKET_TIMEOUT": 0.1,
}


@cache
def plain_cache() -> Any:
    return RedisCache(settings.REDIS_LOCATION, {"OPTIONS": OPTIONS})


def cache_aside(name: str) -> str:
    """Get; on nothing ask the database, and set. Where the answer came from."""
    key = f"plain:{name}"
    if plain_cache().get(key) is not None:
        return "redis"
    row = Personality._base_manager.get(owner=None, personality_name=name, is_active=True)
    plain_cache().set(key, row.to_config().to_dict(), settings.PERSONALITY_CACHE_SECONDS)
    return "database"
