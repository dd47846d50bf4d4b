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
from redis.exceptions import ConnectionError, MaxConnectionsError, RedisError, ResponseError

from coherence.redis.breaker import Breaker
from coherence.redis.errors import count, count_answer
from coherence.redis.report import failed, failed_to_connect


class BreakerOpen(ConnectionError):
    """Redis was not asked: it failed moments ago."""


class Reporting(AbstractConnection):
    """Tells the breaker how the server does. Mixed into the class of connection that redis-py chose."""

    _connecting = False

    def __init__(self, *args: Any, breaker: Breaker, **kwargs: Any) -> None:
        self._breaker = breaker
        super().__init__(*args, **kwargs)

    def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """Connect, if need be, and shake hands: one failure, whichever step it is that fails."""
        self._connecting = True
        try:
            super().connect_check_health(*args, **kwargs)
        except RedisError as error:
            failed_to_connect(self._breaker, error)
            raise
        finally:
            self._connecting = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        # First what redis-py would do inside: it reports for itself.
        if not self.is_connected:
            self.connect_check_health(check_health=False)
        if check_health:
            self.check_health()  # type: ignore[no-untyped-call]
        try:
            super().send_packed_command(command, check_health=False)  # type: ignore[no-untyped-call]
        except RedisError as error:
            self._report(error)
            raise

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            reply = super().read_response(*args, **kwargs)
        except RedisError as error:
            self._report(error)
            raise
        if not self._connecting:  # a frozen server's kernel connects: only the answer to a command proves anything
            self._breaker.succeeded()
            for each in reply if isinstance(reply, list) else ():  # EXEC's
                if isinstance(each, ResponseError):
                    count_answer(each)
        return reply

    def _report(self, error: RedisError) -> None:
        if not self._connecting:  # which reports for all its steps
            failed(self._breaker, error)


def reporting(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    return type(f"Reporting{connection_class.__name__}", (Reporting, connection_class), {})


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
