"""The Redis of a BreakerPool, asked from an event loop, which does not wait: by the same settings and breaker.

A connection belongs to the loop that made it, so that each has a pool, which lives as long as the loop does.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError, RedisError

from coherence.redis.errors import count
from coherence.redis.patience import Patience
from coherence.redis.pool import BreakerOpen, BreakerPool, check
from coherence.redis.report import failed, failed_to_connect

CONNECTIONS = 8  # of a loop; more would but wait for each other, and each costs a timeout when Redis freezes


class LoopPool:
    """For one command at a time each, within the pool's timeouts. Whoever is cancelled closes their connection."""

    def __init__(self, pool: BreakerPool) -> None:
        options = {name: value for name, value in pool.options.items() if name != "parser_class"}
        self._kept = ConnectionPool.from_url(pool.url, **options)
        given = self._kept.connection_kwargs
        self._seconds = given["socket_timeout"]
        self._connect_seconds = given["socket_connect_timeout"] + self._seconds  # with the handshake
        # redis-py would make a task of each send, which may swallow a cancellation, and take a late loop for silence.
        given["socket_timeout"] = given["socket_connect_timeout"] = None
        self._slots = asyncio.Semaphore(min(CONNECTIONS, self._kept.max_connections))
        self._pool, self._outages = pool, pool.breaker.opened

    async def execute(self, *command: Any) -> Any:
        """The reply to one command. Raises RedisError: what Redis says, that it is silent, or BreakerOpen at once."""
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
            async with Patience(self._connect_seconds):
                await self._forget_dead_sockets(breaker.opened)
                connection: AbstractConnection = await self._kept.get_connection()  # type: ignore[no-untyped-call]
        except BreakerOpen as error:
            count(error)
            raise
        except RedisError as error:
            failed_to_connect(breaker, error)
            raise
        return connection

    async def _forget_dead_sockets(self, outages: int) -> None:
        """As the other pool does."""
        if outages != self._outages:
            await self._kept.disconnect(inuse_connections=False)
            self._outages = outages

    async def _reply(self, connection: AbstractConnection, command: tuple[Any, ...]) -> Any:
        breaker = self._pool.breaker
        try:
            async with Patience(self._seconds):
                await _send(connection, command)
                reply = await connection.read_response()
        except RedisError as error:
            failed(breaker, error)
            raise
        breaker.succeeded()
        return reply

    async def aclose(self) -> None:
        async with Patience(self._connect_seconds):
            await self._kept.aclose()


async def _send(connection: AbstractConnection, command: tuple[Any, ...]) -> None:
    try:
        await connection.send_command(*command)
    except RuntimeError as error:  # uvloop's, where the other side has reset it
        raise ConnectionError(str(error)) from error


_pools: dict[tuple[asyncio.AbstractEventLoop, BreakerPool], tuple[LoopPool, AsyncGenerator[None]]] = {}


async def here(pool: BreakerPool) -> LoopPool:
    """That of the running loop."""
    key = asyncio.get_running_loop(), pool
    if key not in _pools:
        _pools[key] = LoopPool(pool), (closing := _closes_with_the_loop(key))
        await anext(closing)
    return _pools[key][0]


async def _closes_with_the_loop(key: tuple[asyncio.AbstractEventLoop, BreakerPool]) -> AsyncGenerator[None]:
    """Whoever ends a loop in order closes its generators first, as `asyncio.run` does."""
    try:
        yield
    finally:
        await _pools.pop(key)[0].aclose()
