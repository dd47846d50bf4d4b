"""Redis for event loops: the same settings and breaker as a BreakerPool, without blocking the loop.

A connection belongs to the loop that made it, so each loop has a pool of its own, which lives as long as the loop.
"""

import asyncio
import builtins
import time
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError, RedisError, TimeoutError

from resilience.redis_errors import count, failed, failed_to_connect
from resilience.redis_pool import BreakerOpen, BreakerPool, check, is_idle

CONNECTIONS = 8  # per loop; more would only queue behind each other, and each costs a timeout when Redis freezes


class LoopTimeout:
    """An asynchronous context manager that raises redis-py's TimeoutError after `seconds`.

    It waits in two halves: when the loop itself was late, the second half leaves time to read a reply that has arrived
    meanwhile.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._deadline.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._half = self._loop.call_later(self._seconds / 2, self._begin_second_half)

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._half.cancel()
        try:
            await self._deadline.__aexit__(kind, raised, traceback)
        except builtins.TimeoutError as error:
            raise TimeoutError(f"no answer within {self._seconds:g} s") from error

    def _begin_second_half(self) -> None:
        self._deadline.reschedule(self._loop.time() + self._seconds / 2)


class LoopPool:
    """Runs one command per connection at a time, within the pool's timeouts. Cancelling one closes its connection."""

    def __init__(self, pool: BreakerPool) -> None:
        options = {name: value for name, value in pool.options.items() if name != "parser_class"}
        self._kept = ConnectionPool.from_url(pool.url, **options)
        given = self._kept.connection_kwargs
        self._seconds = given["socket_timeout"]
        self._connect_seconds = given["socket_connect_timeout"] + self._seconds  # with the handshake
        # With its own timeouts redis-py would make a task of each send, which may swallow a cancellation, and take a
        # late loop for a silent server.
        given["socket_timeout"] = given["socket_connect_timeout"] = None
        self._answered_at: dict[AbstractConnection, float] = {}  # by time.monotonic; the pool drops no connection
        self._slots = asyncio.Semaphore(min(CONNECTIONS, self._kept.max_connections))
        self._pool, self._outages = pool, pool.breaker.opened

    async def execute(self, *command: str | bytes | int | float) -> Any:
        """Return the reply to `command`. Raises RedisError: a refusal, a timeout, or BreakerOpen at once."""
        async with self._slots:
            connection = await self._connected()
            try:
                return await self._reply(connection, command)
            finally:
                await self._kept.release(connection)

    async def _connected(self) -> AbstractConnection:
        breaker = self._pool.breaker
        try:
            check(breaker)
            async with LoopTimeout(self._connect_seconds):
                await self._forget_dead_sockets(breaker.opened)
                connection: AbstractConnection = await self._kept.get_connection()  # type: ignore[no-untyped-call]
                await self._renew_if_idle(connection)
        except BreakerOpen as error:
            count(error)
            raise
        except RedisError as error:
            failed_to_connect(breaker, error)
            raise
        return connection

    async def _forget_dead_sockets(self, outages: int) -> None:
        """Sockets opened before an outage may be dead without knowing it."""
        if outages != self._outages:
            await self._kept.disconnect(inuse_connections=False)
            self._outages = outages

    async def _renew_if_idle(self, connection: AbstractConnection) -> None:
        try:
            if is_idle(self._answered_at.get(connection, time.monotonic())):
                await connection.disconnect()
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await self._kept.release(connection)
            raise
        self._answered_at[connection] = time.monotonic()

    async def _reply(self, connection: AbstractConnection, command: tuple[object, ...]) -> object:
        breaker = self._pool.breaker
        try:
            async with LoopTimeout(self._seconds):
                await _send(connection, command)
                reply = await connection.read_response()
        except RedisError as error:
            failed(breaker, error)
            raise
        breaker.succeeded()
        self._answered_at[connection] = time.monotonic()
        return reply

    async def aclose(self) -> None:
        """Close every connection, within the time that connecting may take."""
        async with LoopTimeout(self._connect_seconds):
            await self._kept.aclose()


async def _send(connection: AbstractConnection, command: tuple[object, ...]) -> None:
    try:
        await connection.send_command(*command)
    except RuntimeError as error:  # uvloop raises it when the peer has reset the connection
        raise ConnectionError(str(error)) from error


_pools: dict[tuple[asyncio.AbstractEventLoop, BreakerPool], tuple[LoopPool, AsyncGenerator[None]]] = {}


async def pool_of_running_loop(pool: BreakerPool) -> LoopPool:
    """The running loop's pool for the server of `pool`, made on first use and closed with the loop."""
    key = asyncio.get_running_loop(), pool
    if key not in _pools:
        _pools[key] = LoopPool(pool), (closing := _closes_with_the_loop(key))
        await anext(closing)
    return _pools[key][0]


async def _closes_with_the_loop(key: tuple[asyncio.AbstractEventLoop, BreakerPool]) -> AsyncGenerator[None]:
    """An orderly end of the loop, such as `asyncio.run`'s, closes its asynchronous generators first."""
    try:
        yield
    finally:
        await _pools.pop(key)[0].aclose()
