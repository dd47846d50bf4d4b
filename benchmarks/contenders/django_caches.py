"""Django's cache API over its backends, which is what most projects do, and django-waffle, which is built on it."""

from benchmarks.contender import Commands, timed
from benchmarks.databases import NAME, SECONDS, stored
from benchmarks.project import configure, redis_cache


def locmem() -> Commands:
    """Django's LocMemCache: in memory, and true only for the process that writes."""
    return _kept_in({"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})


def redis_cache_of_django() -> Commands:
    """Django's own RedisCache."""
    return _kept_in(redis_cache("django.core.cache.backends.redis.RedisCache"))


def django_redis() -> Commands:
    """django-redis with its JSON serializer."""
    serializer = "django_redis.serializers.json.JSONSerializer"
    return _kept_in(redis_cache("django_redis.cache.RedisCache", SERIALIZER=serializer))


def waffle() -> Commands:
    """django-waffle: a row that is looked up by name through Django's cache. A flag holds no configuration."""
    configure("waffle")
    from django.core.management import call_command
    from waffle import get_waffle_flag_model

    call_command("migrate", "waffle", verbosity=0)
    flags = get_waffle_flag_model()
    flags.objects.create(name=NAME, everyone=True)
    return timed(id=lambda: flags.get(NAME).pk)


def _kept_in(caches: dict[str, dict[str, object]]) -> Commands:
    configure(CACHES=caches)
    from django.core.cache import cache

    backend = caches["default"]["BACKEND"]  # each writes values in its own way
    of_id, of_config = f"{backend}:{NAME}:id", f"{backend}:{NAME}:config"
    for key, value in zip((of_id, of_config), stored(), strict=True):
        cache.set(key, value, SECONDS)
    return timed(id=lambda: cache.get(of_id), config=lambda: cache.get(of_config))
