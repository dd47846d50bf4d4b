"""A pool of Redis connections that report to a circuit breaker.

For django-redis: OPTIONS["CONNECTION_POOL_CLASS"] = "coherence.redis.pool.BreakerPool".
"""

from functools import cache
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis.connection import AbstractConnection, Connection, ConnectionPool
from redis.exceptions import ConnectionError, MaxConnectionsError, RedisError, ResponseError, TimeoutError

from coherence.redis.breaker import Breaker
from coherence.redis.errors import count, count_answer, describe


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
            count(error)
            if isinstance(error, TimeoutError):
                self._breaker.timed_out()
            else:
                self._breaker.refused(describe(error))
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
        if self._connecting:  # which reports for all its steps
            return
        if isinstance(error, ResponseError):
            self._breaker.succeeded()  # it answered
            count_answer(error)
            return
        count(error)
        if isinstance(error, TimeoutError):
            self._breaker.timed_out()
        elif error.status_code:  # it answers, but serves nobody: LOADING, NOAUTH
            self._breaker.refused(describe(error))
        else:
            self._breaker.lost()


def reporting(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    return type(f"Reporting{connection_class.__name__}", (Reporting, connection_class), {})


class BreakerPool(ConnectionPool):
    """A pool that raises BreakerOpen, without asking Redis, while its breaker is open."""

    OMIT_REPR_KEYS = ConnectionPool.OMIT_REPR_KEYS | {"breaker"}

    def __init__(self, connection_class: type[AbstractConnection] = Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(reporting(connection_class), *args, **kwargs)

    def reset(self) -> None:
        """redis-py does this in a forked child. Its breaker is a new one, with a lock that nobody holds."""
        self._breaker = self.connection_kwargs["breaker"] = Breaker()
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
        if not breaker.allow():
            raise BreakerOpen("Redis failed moments ago and is left alone for some seconds")
        if breaker.state == "half-open":
            # The probe shall connect. Sockets from before the outage may be dead without knowing it, and each would
            # cost a timeout once all callers are let through again.
            self.disconnect(inuse_connections=False)


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
