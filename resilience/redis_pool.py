"""A pool of Redis connections that report to a circuit breaker.

For django-redis: OPTIONS["CONNECTION_POOL_CLASS"] = "resilience.redis_pool.BreakerPool".
"""

import socket
import time
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Self

from django.conf import settings
from django_redis import get_redis_connection
from redis.connection import AbstractConnection, Connection, ConnectionPool, parse_url
from redis.exceptions import ConnectionError, MaxConnectionsError, RedisError, ResponseError

from resilience.circuit_breaker import Breaker
from resilience.redis_errors import count, count_answer, failed, failed_to_connect

# A connection that was idle for longer is replaced: a firewall may have forgotten it, and finding out would cost a
# timeout, which would count against Redis.
MAX_IDLE_SECONDS = 5.0


def is_idle(answered_at: float) -> bool:
    """Whether a connection on which Redis last answered then, by time.monotonic, has been idle for too long."""
    return time.monotonic() - answered_at > MAX_IDLE_SECONDS


def takes_address(url: str) -> bool:
    """Whether redis-py knows each parameter of `url` and can read its value. Connects to nothing."""
    try:
        parameters = parse_url(url)  # type: ignore[no-untyped-call]
        made = parameters.pop("connection_class", Connection)(**parameters)
        if any(name.startswith("ssl_") for name in parameters):  # it reads them only when it has a socket
            with socket.socket() as unconnected:
                made._wrap_socket_with_ssl(unconnected).close()
    except (TypeError, ValueError, OSError, RedisError):
        return False
    return True


class BreakerOpen(ConnectionError):
    """Redis was not asked, because it failed moments ago. Its `status_code` is what Redis answered then, if it did."""


class Reporting(AbstractConnection):
    """Reports every outcome to the breaker. Mixed into the connection class that redis-py chose."""

    _connecting = False
    _answered_at = 0.0  # when Redis last answered on it, by time.monotonic

    def __init__(self, *args: Any, breaker: Breaker, **kwargs: Any) -> None:
        self._breaker = breaker
        super().__init__(*args, **kwargs)

    def connect(self) -> None:
        """Connect if necessary, and again if it was idle for too long: the pool calls this before it lends it out."""
        if self.is_connected and is_idle(self._answered_at):
            self.disconnect()  # type: ignore[no-untyped-call]
        super().connect()  # type: ignore[no-untyped-call]

    def connect_check_health(self, *args: bool, **kwargs: bool) -> None:
        """Connect if necessary and shake hands; reported as one failure, whichever step fails."""
        self._connecting = True
        try:
            super().connect_check_health(*args, **kwargs)
        except RedisError as error:
            failed_to_connect(self._breaker, error)
            raise
        finally:
            self._connecting = False

    def send_packed_command(self, command: str | Iterable[bytes], check_health: bool = True) -> None:
        """Send a command, reporting a failure to send it."""
        # First what redis-py would do inside, which reports for itself.
        if not self.is_connected:
            self.connect_check_health(check_health=False)
        if check_health:
            self.check_health()  # type: ignore[no-untyped-call]
        try:
            super().send_packed_command(command, check_health=False)  # type: ignore[no-untyped-call]
        except RedisError as error:
            self._report(error)
            raise

    def read_response(self, *args: object, **kwargs: object) -> object:
        """Read a reply, reporting whether it came."""
        try:
            reply = super().read_response(*args, **kwargs)
        except RedisError as error:
            self._report(error)
            raise
        self._answered_at = time.monotonic()
        if not self._connecting:  # the kernel of a frozen server accepts connections: only a reply proves anything
            self._breaker.succeeded()
            for each in reply if isinstance(reply, list) else ():  # EXEC's
                if isinstance(each, ResponseError):
                    count_answer(each)
        return reply

    def _report(self, error: RedisError) -> None:
        if not self._connecting:  # connect_check_health reports for all its steps
            failed(self._breaker, error)


def reporting(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    """A subclass of `connection_class` that reports to the breaker in its `breaker` argument."""
    return type(f"Reporting{connection_class.__name__}", (Reporting, connection_class), {})


class BreakerPool(ConnectionPool):
    """A connection pool that raises BreakerOpen without asking Redis while its breaker is open.

    The pools of event loops (`resilience.redis_async`) are built from its `url` and `options` and share its breaker.
    """

    url = "redis://"
    options: Mapping[str, object] = MappingProxyType({})
    OMIT_REPR_KEYS = ConnectionPool.OMIT_REPR_KEYS | {"breaker"}

    def __init__(self, connection_class: type[AbstractConnection] = Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(reporting(connection_class), *args, **kwargs)

    @classmethod
    def from_url(cls, url: str, **options: object) -> Self:
        """A pool for `url`, which with `options` is remembered for the pools of event loops."""
        pool = super().from_url(url, **options)
        pool.url, pool.options = url, options
        return pool

    def reset(self) -> None:
        """Start over, as redis-py does in a forked child, with a new breaker whose lock nobody holds."""
        self._breaker = self.connection_kwargs["breaker"] = Breaker()
        self._outages = 0
        super().reset()  # last: it tells other threads that the reset is complete

    @property
    def breaker(self) -> Breaker:
        """The breaker of this process. Do not keep it across a fork: ask again."""
        self._checkpid()
        return self._breaker

    def get_connection(self, command_name: object = None, *keys: object, **options: object) -> Any:
        """Check out a connection. Raises BreakerOpen or MaxConnectionsError, both counted."""
        try:
            self._check(self.breaker)
            return super().get_connection()  # its arguments are deprecated
        except (BreakerOpen, MaxConnectionsError) as error:  # an exhausted pool says nothing about Redis
            count(error)
            raise

    def _check(self, breaker: Breaker) -> None:
        check(breaker)
        if (outages := breaker.opened) != self._outages:
            # Sockets opened before the outage may be dead without knowing it, and each would cost a timeout. Another
            # pool may have been the probe.
            self.disconnect(inuse_connections=False)
            self._outages = outages


def check(breaker: Breaker) -> None:
    """Raise BreakerOpen unless this caller may ask Redis."""
    if not breaker.allow():
        message = "Redis failed moments ago and is left alone for some seconds"
        raise BreakerOpen(message, status_code=breaker.answer)


def is_away(alias: str = "default") -> bool:
    """Whether asking the Django cache `alias` is pointless: it is not Redis, or its breaker is open."""
    if not is_redis(alias):
        return True
    breaker = breaker_of(alias)
    return breaker is not None and breaker.is_open


def breaker_of(alias: str = "default") -> Breaker | None:
    """The breaker of the Django cache `alias`, without connecting; None when the cache has no BreakerPool."""
    pool = pool_of(alias)
    return pool.breaker if pool else None


def pool_of(alias: str = "default") -> BreakerPool | None:
    """The pool of the Django cache `alias`, for commands Django's cache lacks; None when it has no BreakerPool."""
    pool = find_pool(*_config(alias))
    return pool if isinstance(pool, BreakerPool) else None


def is_redis(alias: str = "default") -> bool:
    """Whether the Django cache `alias` is one of django-redis."""
    return find_pool(*_config(alias)) is not None


def _config(alias: str) -> tuple[str, object, object]:
    config: dict[str, Any] = settings.CACHES[alias]
    return alias, config.get("LOCATION"), config.get("OPTIONS", {}).get("CONNECTION_POOL_CLASS")


@cache
def find_pool(alias: str, location: object, pool_class: object) -> ConnectionPool | None:
    """The pool behind the Django cache `alias`; None when django-redis is not its backend.

    Cached by the cache's location and pool class: every lookup asks, and django-redis takes its time to answer.
    """
    try:
        return get_redis_connection(alias).connection_pool
    except NotImplementedError:  # another backend
        return None
