"""Redis asked from event loops: what is shared with the pool, who is cancelled, loops that are late or end, a fork."""

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import uvloop
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from coherence.redis import loops
from coherence.redis.errors import errors
from coherence.redis.loops import CONNECTIONS, here
from coherence.redis.pool import BreakerOpen, BreakerPool
from coherence.tests.helpers import SECONDS
from coherence.tests.redis.test_frozen import frozen
from coherence.tests.redis.test_stopped import again
from coherence.tests.redis.use import open_until_now, read
from tooling.processes import Guarded

Run = Callable[[Coroutine[Any, Any, Any]], Any]
FORK = """
import asyncio, os, signal, sys
from coherence.redis.loops import here
from coherence.redis.pool import BreakerPool
pool = BreakerPool.from_url(sys.argv[1], socket_timeout=20, socket_connect_timeout=20)

async def ping():
    return await (await here(pool)).execute("PING")

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


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


async def execute(pool: BreakerPool, *command: Any) -> Any:
    return await (await here(pool)).execute(*command)


def test_loop__each_in_a_thread__a_pool_of_its_own_that_ends_with_it(pool: BreakerPool, admin: Any) -> None:
    async def ping() -> set[Any]:
        return {await execute(pool, "PING") for _ in range(20)}

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: asyncio.run(ping()), range(8))) == [{b"PONG"}] * 8
    assert not errors
    assert not loops._pools


def test_loop__more_at_once_than_connections__they_queue(pool: BreakerPool, run: Run, admin: Any) -> None:
    async def many() -> list[Any]:
        return await asyncio.gather(*[execute(pool, "ECHO", number) for number in range(200)])

    assert run(many()) == [str(number).encode() for number in range(200)]
    assert len(admin.client_list()) <= CONNECTIONS + 1
    assert not errors


def test_settings__password_and_database__the_pools(use_pool: Any, admin: Any, run: Run, settings: Any) -> None:
    admin.config_set("requirepass", "right-secret")
    settings.REDIS_LOCATION = settings.REDIS_LOCATION.removesuffix("/0") + "/3"
    settings.CACHES["default"]["LOCATION"] = settings.REDIS_LOCATION
    pool = use_pool(PASSWORD="right-secret")
    run(execute(pool, "SET", "key", "value"))
    assert b" db=3 " in run(execute(pool, "CLIENT", "INFO"))


def test_stopped__many_at_once__the_pools_breaker_opens(pool: BreakerPool, own_redis: Guarded, run: Run) -> None:
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
    hasty: BreakerPool, own_redis: Guarded, run: Run, warm: bool
) -> None:
    if warm:
        run(execute(hasty, "PING"))
    with frozen(own_redis):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                run(execute(hasty, "PING"))
    assert hasty.breaker.is_open
    assert errors == {"TimeoutError": 3}


def test_loop__was_late__the_answer_that_came_meanwhile_is_read(hasty: BreakerPool, run: Run) -> None:
    async def late() -> Any:
        await execute(hasty, "PING")
        asking = asyncio.create_task(execute(hasty, "ECHO", "answer"))
        await asyncio.sleep(0)
        sleep(0.5)  # longer than Redis is waited for
        return await asking

    assert run(late()) == b"answer"
    assert not errors


def test_cancelled__an_answer_is_due__nobody_else_gets_it(pool: BreakerPool, own_redis: Guarded, run: Run) -> None:
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
        routed = BreakerPool.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, protocol=2)
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
    pool: BreakerPool, own_redis: Guarded, settings: Any, tmp_path: Path, run: Run
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


def test_fork__while_a_loop_has_connections__the_child_makes_its_own(own_redis: Guarded, settings: Any) -> None:
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
