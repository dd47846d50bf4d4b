"""A pool of Redis connections that report to a circuit breaker.

For django-redis: OPTIONS["CONNECTION_POOL_CLASS"] = "coherence.redis.pool.BreakerPool".
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Self

from django.conf import settings
from django_redis import get_redis_connection
from redis.connection import AbstractConnection, Connection, ConnectionPool
from redis.exceptions import ConnectionError, MaxConnectionsError

from coherence.redis.breaker import Breaker
from coherence.redis.connection import reporting
from coherence.redis.errors import count


class BreakerOpen(ConnectionError):
    """Redis was not asked: it failed moments ago."""


class BreakerPool(ConnectionPool):
    """A pool that raises BreakerOpen, without asking Redis, while its breaker is open.

    Those of event loops (coherence.redis.loops) are made of its `url` and `options`, and share its breaker.
    """

    url = "redis://"
    options: Mapping[str, Any] = MappingProxyType({})
    OMIT_REPR_KEYS = ConnectionPool.OMIT_REPR_KEYS | {"breaker"}

    def __init__(self, connection_class: type[AbstractConnection] = Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(reporting(connection_class), *args, **kwargs)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        pool = super().from_url(url, **options)
        pool.url, pool.options = url, options
        return pool

    def reset(self) -> None:
        """redis-py does this in a forked child. Its breaker is a new one, with a lock that nobody holds."""
        self._breaker = self.connection_kwargs["breaker"] = Breaker()
        self._outages = 0
        super().reset()  # last: it tells other threads that all is done

    @property
    def breaker(self) -> Breaker:
        """This process's: ask for it again rather than keep it across a fork."""
        self._checkpid()
        return self._breaker

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        try:
            self._ask(self.breaker)
            return super().get_connection()  # its arguments are deprecated
        except (BreakerOpen, MaxConnectionsError) as error:  # an exhausted pool says nothing about Redis
            count(error)
            raise

    def _ask(self, breaker: Breaker) -> None:
        check(breaker)
        if (outages := breaker.opened) != self._outages:
            # Sockets from before the outage may be dead without knowing it, and each would cost a timeout. The probe
            # may have been another pool's.
            self.disconnect(inuse_connections=False)
            self._outages = outages


def check(breaker: Breaker) -> None:
    """Raises BreakerOpen unless this caller may ask Redis."""
    if not breaker.allow():
        raise BreakerOpen("Redis failed moments ago and is left alone for some seconds")


def is_away() -> bool:
    """Whether there is no Redis to ask, or it would be refused at once by the breaker below Django's cache."""
    if not settings.REDIS_ENABLED:
        return True
    breaker = breaker_of()
    return breaker is not None and breaker.is_open


def breaker_of(alias: str = "default") -> Breaker | None:
    """The breaker of a Django cache, without connecting; None if it has none: no django-redis, or another pool."""
    pool = pool_of(alias)
    return pool.breaker if pool else None


def pool_of(alias: str = "default") -> BreakerPool | None:
    """The pool of a Django cache, for what Django's cache cannot do; None as above."""
    kept: dict[str, Any] = settings.CACHES[alias]
    return _pool_of(alias, kept.get("LOCATION"), kept.get("OPTIONS", {}).get("CONNECTION_POOL_CLASS"))


@cache
def _pool_of(alias: str, location: object, pool_class: object) -> BreakerPool | None:
    """Asked of every lookup, and django-redis, which keeps a pool by location, takes its time to find it."""
    try:
        pool = get_redis_connection(alias).connection_pool
    except NotImplementedError:
        return None
    return pool if isinstance(pool, BreakerPool) else None
