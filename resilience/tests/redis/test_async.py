"""Redis asked from event loops: whose settings, who is cancelled, loops that are late or end, a fork."""

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest
from redis.exceptions import RedisError, TimeoutError

from resilience import redis_async
from resilience.redis_async import CONNECTIONS
from resilience.redis_errors import errors
from resilience.redis_pool import BreakerPool
from resilience.tests.redis.test_frozen import frozen
from resilience.tests.redis.use import Run, execute
from tests.waiting import wait_until
from tooling.processes import SupervisedServer

FORK = """
import asyncio, os, signal, sys
from resilience.redis_async import pool_of_running_loop
from resilience.redis_pool import BreakerPool
pool = BreakerPool.from_url(sys.argv[1], socket_timeout=20, socket_connect_timeout=20)

async def ping():
    return await (await pool_of_running_loop(pool)).execute("PING")

with asyncio.Runner() as loop:
    loop.run(ping())
    pool.breaker.refused()
    child = os.fork()
    if not child:
        signal.alarm(10)
        os._exit(0 if asyncio.run(ping()) == b"PONG" else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    pool.breaker._retry_at = 0
    assert loop.run(ping()) == b"PONG"
"""


def test_loop__each_in_a_thread__a_pool_of_its_own_that_ends_with_it(pool: BreakerPool, admin: Any) -> None:
    async def ping() -> set[Any]:
        return {await execute(pool, "PING") for _ in range(20)}

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: asyncio.run(ping()), range(8))) == [{b"PONG"}] * 8
    assert not errors
    assert not redis_async._pools


def test_loop__more_at_once_than_connections__they_queue(pool: BreakerPool, run: Run, admin: Any) -> None:
    async def many() -> list[Any]:
        return await asyncio.gather(*[execute(pool, "ECHO", number) for number in range(200)])

    assert run(many()) == [str(number).encode() for number in range(200)]
    assert len(admin.client_list()) <= CONNECTIONS + 1
    assert not errors


def test_loop__connection_idle_for_too_long__made_anew(
    pool: BreakerPool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(execute(pool, "CLIENT", "ID"))
    assert run(execute(pool, "CLIENT", "ID")) == first
    monkeypatch.setattr("resilience.redis_pool.MAX_IDLE_SECONDS", -1.0)
    assert run(execute(pool, "CLIENT", "ID")) > first
    assert not errors


def test_loop__connection_cannot_be_made_anew__its_place_is_free_again(
    use_pool: Any, run: Run, own_redis: SupervisedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers() -> bool:
        try:
            return bool(run(execute(pool, "PING")) == b"PONG")
        except RedisError:
            return False

    pool = use_pool(SOCKET_TIMEOUT=1, SOCKET_CONNECT_TIMEOUT=1, CONNECTION_POOL_KWARGS={"max_connections": 1})
    pool.breaker.retry_after = (0, 0)
    wait_until(answers)
    monkeypatch.setattr("resilience.redis_pool.MAX_IDLE_SECONDS", -1.0)
    with frozen(own_redis):
        assert not answers()
    wait_until(answers)


def test_loop__connection_cannot_be_made_anew__opens_at_the_first_refusal(
    pool: BreakerPool, run: Run, own_redis: SupervisedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(execute(pool, "PING"))
    monkeypatch.setattr("resilience.redis_pool.MAX_IDLE_SECONDS", -1.0)
    own_redis.stop()
    with pytest.raises(RedisError):
        run(execute(pool, "PING"))
    assert pool.breaker.state == "open"


def test_settings__password_and_database__the_pools(use_pool: Any, admin: Any, run: Run, settings: Any) -> None:
    admin.config_set("requirepass", "right-secret")
    settings.REDIS_LOCATION = settings.REDIS_LOCATION.removesuffix("/0") + "/3"
    settings.CACHES["default"]["LOCATION"] = settings.REDIS_LOCATION
    pool = use_pool(PASSWORD="right-secret")
    run(execute(pool, "SET", "key", "value"))
    assert b" db=3 " in run(execute(pool, "CLIENT", "INFO"))


def test_loop__was_late__the_answer_that_came_meanwhile_is_read(hasty: BreakerPool, run: Run) -> None:
    async def late() -> Any:
        await execute(hasty, "PING")
        asking = asyncio.create_task(execute(hasty, "ECHO", "answer"))
        await asyncio.sleep(0)
        sleep(0.5)  # longer than Redis is waited for
        return await asking

    assert run(late()) == b"answer"
    assert not errors


def test_cancelled__an_answer_is_due__nobody_else_gets_it(
    pool: BreakerPool, own_redis: SupervisedServer, run: Run
) -> None:
    async def cancel(steps: int) -> None:
        asking = asyncio.create_task(execute(pool, "ECHO", "mine"))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled() or asking.result() == b"mine"

    async def others() -> None:
        for steps in range(40):
            await cancel(steps)
            assert await execute(pool, "ECHO", "other") == b"other"

    run(others())
    with frozen(own_redis):
        run(cancel(20))
    assert run(execute(pool, "ECHO", "other")) == b"other"
    assert not errors


def test_outage__over__commands_on_their_way_are_not_cut(pool: BreakerPool, run: Run) -> None:
    async def wait_through_an_outage() -> Any:
        waiting = asyncio.ensure_future(execute(pool, "BLPOP", "no such list", 0.5))
        await asyncio.sleep(0.1)
        pool.breaker.retry_after = (0, 0)
        pool.breaker.refused()
        assert await execute(pool, "PING") == b"PONG"
        return await waiting

    assert run(wait_through_an_outage()) is None


def test_fork__while_a_loop_has_connections__the_child_makes_its_own(
    own_redis: SupervisedServer, settings: Any
) -> None:
    command = [sys.executable, "-c", FORK, settings.REDIS_LOCATION]
    subprocess.run(command, env=os.environ, check=True, timeout=60)


def test_host__name_takes_long_to_resolve__the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any, **__: Any) -> Any:
        sleep(1)
        raise socket.gaierror(socket.EAI_AGAIN, "slow")

    pool = BreakerPool.from_url("redis://redis.invalid/0", socket_timeout=0.1, socket_connect_timeout=0.1)

    async def longest_pause() -> float:
        asking, longest, last = asyncio.create_task(execute(pool, "PING")), 0.0, monotonic()
        while not asking.done():
            await asyncio.sleep(0)
            longest, last = max(longest, monotonic() - last), monotonic()
        assert isinstance(asking.exception(), TimeoutError)
        return longest

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", slow)
        assert asyncio.run(longest_pause()) < 1
