"""What can befall Redis, and the feed. Each is a context manager: it begins when the fault is real, and ends healed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError, RedisError

from tests.faults.servers import RedisServer
from tests.faults.stage import Stage
from tests.waiting import wait_until
from tooling.processes import free_port

FEEDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'companion: change feed'"
Ill = Callable[[RedisServer], AbstractContextManager[None]]


@contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    """It listens and answers nothing; afterwards it does all that it was told meanwhile."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def deaf_feeds(stage: Stage) -> Iterator[None]:
    """PostgreSQL serves everybody but the change feeds, whose connections hang."""
    backends = [psutil.Process(pid) for (pid,) in stage.sql(FEEDS)]
    for backend in backends:
        backend.suspend()
    try:
        wait_until(lambda: all(backend.status() == psutil.STATUS_STOPPED for backend in backends))
        yield
    finally:
        for backend in backends:
            backend.resume()


@contextmanager
def killed(server: RedisServer) -> Iterator[None]:
    """Nobody listens; afterwards it is back with its old data."""
    server.kill()
    try:
        yield
    finally:
        server.restart()


@contextmanager
def read_only(server: RedisServer) -> Iterator[None]:
    """The replica of a primary that is not there: it answers with what it has."""
    server.client.replicaof("127.0.0.1", free_port())
    try:
        _refuses(server.client, ReadOnlyError)
        yield
    finally:
        server.client.replicaof("NO", "ONE")


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    server.client.config_set("maxmemory-policy", "noeviction")
    server.client.config_set("maxmemory", "1")
    try:
        _refuses(server.client, OutOfMemoryError)
        yield
    finally:
        server.client.config_set("maxmemory", "0")


@contextmanager
def wrong_password(server: RedisServer) -> Iterator[None]:
    """Everybody but this connection is thrown out, and does not know the new password."""
    server.client.config_set("requirepass", "changed")
    try:
        server.client.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(AuthenticationError), Redis.from_url(server.url) as stranger:
            stranger.ping()
        yield
    finally:
        server.client.config_set("requirepass", "")


@contextmanager
def no_writing(server: RedisServer) -> Iterator[None]:
    server.client.execute_command("ACL", "SETUSER", "default", "-@write")
    try:
        _refuses(server.client, NoPermissionError)
        yield
    finally:
        server.client.execute_command("ACL", "SETUSER", "default", "+@write")


ILLS: dict[str, Ill] = {
    "frozen": frozen,
    "killed": killed,
    "read-only": read_only,
    "full": full,
    "wrong password": wrong_password,
    "may not write": no_writing,
}


def _refuses(client: Any, error: type[RedisError]) -> None:
    with pytest.raises(error):
        client.set("faults:probe", "x")
