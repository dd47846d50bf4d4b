"""What can befall Redis. Each is a context manager: its block begins when the fault is real, and its end heals it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError, RedisError

from tests.faults.servers import RedisServer
from tooling.processes import free_port

Fault = Callable[[RedisServer], AbstractContextManager[None]]


@contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    """It accepts connections and answers nothing; afterwards it executes what it was sent meanwhile."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def killed(server: RedisServer) -> Iterator[None]:
    """Its port is closed; afterwards it is back with its old data."""
    server.kill()
    try:
        yield
    finally:
        server.restart()


@contextmanager
def read_only(server: RedisServer) -> Iterator[None]:
    """It is the replica of a primary that does not exist: it answers with what it has."""
    server.client.replicaof("127.0.0.1", free_port())
    try:
        _refuses(server.client, ReadOnlyError)
        yield
    finally:
        server.client.replicaof("NO", "ONE")


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    """Its memory is used up, and it evicts nothing."""
    server.client.config_set("maxmemory-policy", "noeviction")
    server.client.config_set("maxmemory", "1")
    try:
        _refuses(server.client, OutOfMemoryError)
        yield
    finally:
        server.client.config_set("maxmemory", "0")


@contextmanager
def wrong_password(server: RedisServer) -> Iterator[None]:
    """All connections but this one are closed, and the password is another."""
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
    """The user may no longer write."""
    server.client.execute_command("ACL", "SETUSER", "default", "-@write")
    try:
        _refuses(server.client, NoPermissionError)
        yield
    finally:
        server.client.execute_command("ACL", "SETUSER", "default", "+@write")


REDIS_FAULTS: dict[str, Fault] = {
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
