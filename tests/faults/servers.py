"""Servers that tests break, and what can befall Redis.

A signal goes to the server itself, never to its supervisor. Each fault of Redis is a context manager: its block begins
when the fault is real, and its end heals it.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError, RedisError

from tests.waiting import wait_until
from tooling import postgres, redis
from tooling.processes import SupervisedServer, free_port


class Server:
    """A server that can be frozen (it keeps its port and its memory, and answers nothing) and go on."""

    guarded: SupervisedServer

    @property
    def process(self) -> psutil.Process:
        """The server itself, the only child of its supervisor."""
        (child,) = psutil.Process(self.guarded.process.pid).children()
        return child

    def freeze(self) -> None:
        """Stop it by SIGSTOP, parents first so that no child is born meanwhile; return when all have stopped."""
        wait_until(self._is_stopped)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it for good. A frozen server would not hear the signal, so it goes on first."""
        if self.guarded.process.poll() is None:
            self.thaw()
        self.guarded.stop()

    def _is_stopped(self) -> bool:
        """After it was told once more. A child that ends after its parent stopped is a zombie until that goes on."""
        self._signal(signal.SIGSTOP)
        return all(each.status() in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE} for each in self._family())

    def _signal(self, number: signal.Signals) -> None:
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _family(self) -> list[psutil.Process]:
        """The server and its descendants. A child may end meanwhile, as autovacuum workers of PostgreSQL do."""
        return [self.process, *(each for each in self.process.children(recursive=True) if each.is_running())]


class RedisServer(Server):
    """A Redis with its data on disk (AOF), so that a killed one comes back with what it had, on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.guarded, self.url = redis.start(folder, durable=True)
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])
        self.client: Any = Redis.from_url(self.url, socket_timeout=5)

    def freeze(self) -> None:
        """Freeze it, and see that it no longer answers."""
        super().freeze()
        assert not self.answers(), "a frozen Redis answers"

    def thaw(self) -> None:
        """Let it go on, and wait until it answers."""
        super().thaw()
        wait_until(self.answers)

    def kill(self) -> None:
        """End it by SIGKILL; nobody listens on its port any more when this returns."""
        self.process.kill()
        self.guarded.stop()
        assert not self.answers(), "a killed Redis answers"

    def restart(self) -> None:
        """Start it again after `kill`, with the same data on the same port."""
        url, (self.guarded, self.url) = self.url, redis.start(self._folder, durable=True, port=self.port)
        assert self.url == url, f"somebody took port {self.port}"
        wait_until(self.answers)  # not while it still loads its data

    def answers(self, seconds: float = 0.2) -> bool:
        """Whether it answers within `seconds`."""
        with Redis.from_url(self.url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


class PostgresServer(Server):
    """A PostgreSQL without fsync: fast, and safe from everything but SIGKILL and a power cut."""

    def __init__(self, folder: Path, password: str) -> None:
        self._again = (folder, password)
        self.guarded, self.url = postgres.start(folder, password, durable=False)
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])

    def kill(self) -> None:
        """End all its processes by SIGKILL, as a machine that fails does. Nobody has to be told."""
        self._signal(signal.SIGKILL)
        self.guarded.stop()

    def halt(self) -> None:
        """Shut it down fast: connections are closed, and new ones refused, until `restart`."""
        self.stop()

    def restart(self) -> None:
        """Start it again after `halt`, with the same data on the same port."""
        url = self.url
        with mock.patch.object(postgres, "free_port", return_value=self.port):  # it cannot be asked for a port
            self.guarded, self.url = postgres.start(*self._again, durable=False)
        assert self.url == url


def pause(seconds: float, since: int) -> None:
    """Wait until `seconds` after the moment `since` (monotonic, ns), where time itself is what is tested."""
    time.sleep(max(seconds - (time.monotonic_ns() - since) / 1e9, 0))


def kill(pid: int) -> None:
    """End a process by SIGKILL, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)


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
        with Redis.from_url(server.url) as stranger:
            _refuses(stranger, AuthenticationError)
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
    """See that a write is refused. Not by pytest.raises: workers import this module, and need no pytest."""
    try:
        client.set("faults:probe", "x")
    except error:
        return
    raise AssertionError(f"no {error.__name__} was raised")
