"""Redis is asked from event loops, and is stopped, frozen, refuses, or ends a connection: the pool's breaker knows."""

import asyncio
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from resilience.redis_async import CONNECTIONS
from resilience.redis_errors import errors
from resilience.redis_pool import BreakerOpen, BreakerPool
from resilience.tests.redis.test_frozen import frozen
from resilience.tests.redis.test_stopped import again
from resilience.tests.redis.use import Run, execute, open_until_now, read
from tests.waiting import MAX_SECONDS
from tooling.processes import SupervisedServer


def test_stopped__many_at_once__the_pools_breaker_opens(
    pool: BreakerPool, own_redis: SupervisedServer, run: Run
) -> None:
    async def ask() -> list[Any]:
        return await asyncio.gather(*[execute(pool, "PING") for _ in range(20)], return_exceptions=True)

    own_redis.stop()
    told = run(ask())
    assert all(isinstance(each, ConnectionError) for each in told)
    assert pool.breaker.is_open
    assert read() == [None]
    with pytest.raises(BreakerOpen):
        run(execute(pool, "PING"))
    assert errors["ConnectionError"] <= CONNECTIONS
    assert errors["BreakerOpen"] == 22 - errors["ConnectionError"]


def test_password__wrong__opens(use_pool: Any, admin: Any, run: Run) -> None:
    admin.config_set("requirepass", "right-secret")
    pool = use_pool(PASSWORD="wrong-secret")
    with pytest.raises(ConnectionError):
        run(execute(pool, "PING"))
    assert pool.breaker.is_open
    assert errors == {"AuthenticationError": 1}


def test_refused__by_redis__counted_and_closes_as_a_probe(pool: BreakerPool, run: Run) -> None:
    open_until_now(pool.breaker)
    with pytest.raises(ResponseError):
        run(execute(pool, "NONSENSE"))
    assert errors == {"ResponseError": 1}
    assert pool.breaker.state == "closed"


@pytest.mark.parametrize("warm", [False, True])
def test_frozen__connected_or_not__times_out_and_opens(
    hasty: BreakerPool, own_redis: SupervisedServer, run: Run, warm: bool
) -> None:
    if warm:
        run(execute(hasty, "PING"))
    with frozen(own_redis):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                run(execute(hasty, "PING"))
    assert hasty.breaker.is_open
    assert errors == {"TimeoutError": 3}


def test_connection_reset__while_idle__a_redis_error_at_most_and_connects_anew(run: Run) -> None:
    """As a router does that forgets a connection."""

    async def ask() -> None:
        for _ in range(2):
            answering = asyncio.create_task(asyncio.to_thread(_answer_and_reset, router))
            while not answering.done():
                with suppress(ConnectionError):
                    assert await execute(routed, "PING") == b"PONG"
                    await answering

    with socket.create_server(("127.0.0.1", 0)) as router:
        router.settimeout(5)
        url = f"redis://127.0.0.1:{router.getsockname()[1]}/0"
        routed = BreakerPool.from_url(url, socket_timeout=MAX_SECONDS, socket_connect_timeout=MAX_SECONDS, protocol=2)
        run(ask())
    assert routed.breaker.state == "closed"


def _answer_and_reset(router: socket.socket) -> None:
    client, received = router.accept()[0], b""
    while b"PING" not in received:
        chunk = client.recv(4096)
        received += chunk
        client.sendall(b"+OK\r\n" * chunk.count(b"SETINFO") + b"+PONG\r\n" * chunk.count(b"PING"))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_restarted__between_two_calls__nobody_notices(
    pool: BreakerPool, own_redis: SupervisedServer, settings: Any, tmp_path: Path, run: Run
) -> None:
    async def restart() -> None:
        await execute(pool, "PING")
        await asyncio.to_thread(own_redis.stop)
        with again(settings.REDIS_LOCATION, tmp_path / "again"):
            await asyncio.sleep(0)
            assert await execute(pool, "PING") == b"PONG"

    run(restart())
    assert not errors


def test_outage__over_by_another_pools_probe__idle_sockets_are_not_used_again(pool: BreakerPool, run: Run) -> None:
    idle = run(execute(pool, "CLIENT", "ID"))
    open_until_now(pool.breaker)
    read()  # the probe
    assert read() == [None]
    anew = run(execute(pool, "CLIENT", "ID"))
    assert anew > idle
    open_until_now(pool.breaker)
    probe = run(execute(pool, "CLIENT", "ID"))
    connection = pool.get_connection()
    connection.send_command("CLIENT", "ID")
    assert connection.read_response() > probe > anew
    pool.release(connection)


@pytest.mark.parametrize("url", ["rediss://127.0.0.1:1/0", "unix:///no/such/socket"])
def test_other_connections__refused__reported_too(url: str, run: Run) -> None:
    pool = BreakerPool.from_url(url, socket_timeout=MAX_SECONDS, socket_connect_timeout=MAX_SECONDS)
    with pytest.raises(ConnectionError):
        run(execute(pool, "PING"))
    assert pool.breaker.is_open
    assert errors == {"ConnectionError": 1}
