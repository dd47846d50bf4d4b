"""Three Redis, a Sentinel and HAProxy with deploy/haproxy.cfg, all on this machine."""

import os
import re
import secrets
import signal
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.deploy.programs import program
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port

SENTINEL = """
port {port}
dir {folder}
sentinel monitor companion 127.0.0.1 {primary} 1
sentinel auth-pass companion {password}
sentinel down-after-milliseconds companion 1000
sentinel failover-timeout companion 5000
"""


class RedisGroup:
    """A primary, two replicas, and one port behind which the primary is. `stop` ends all."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.password, self.port = folder, secrets.token_hex(12), free_port()
        self.ports = [free_port() for _ in range(3)]
        self.servers = {port: self._redis(port) for port in self.ports}
        wait_until(lambda: all(self._has_copied(port) for port in self.ports[1:]))
        self.sentinel_port = free_port()
        self.others = [self._sentinel(), self._haproxy()]
        # Sentinel promotes no replica that it has not heard of, and of a primary that is dead it hears of none.
        wait_until(self._knows_replicas)
        # At first HAProxy takes every server for good, and tries them in turn until it has asked each for its role.
        wait_until(lambda: all(self.primary() == self.ports[0] for _ in range(2 * len(self.ports))))

    @property
    def url(self) -> str:
        """REDIS_URL of a service that knows HAProxy alone."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self, port: int) -> Any:
        """Return a client of the Redis at `port`, or of whoever is behind HAProxy's."""
        return Redis(
            port=port, password=self.password, socket_timeout=1, decode_responses=True, retry=Retry(NoBackoff(), 0)
        )

    def primary(self) -> int:
        """Return the port of the primary behind HAProxy, 0 while there is none."""
        try:
            with self.client(self.port) as client:
                return int(client.config_get("port")["port"]) if client.role()[0] == "master" else 0
        except RedisError:
            return 0

    def kill_primary(self) -> int:
        """End the primary by SIGKILL; return the port it had."""
        port = self.primary()
        with self.client(port) as client:
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
        self.servers[port].process.wait(20)
        return port

    def stop(self) -> None:
        """End all of them."""
        for server in (*self.others, *self.servers.values()):
            server.stop()

    def _has_copied(self, port: int) -> bool:
        """Whether the Redis at `port` is a replica that has its primary's data, and follows it."""
        try:
            with self.client(port) as client:
                role = client.role()
                return bool(role[0] == "slave" and role[3] == "connected")
        except RedisError:
            return False

    def _knows_replicas(self) -> bool:
        try:
            with Redis(port=self.sentinel_port, decode_responses=True, retry=Retry(NoBackoff(), 0)) as sentinel:
                known = sentinel.sentinel_slaves("companion")
        except RedisError:
            return False
        return len(known) == 2 and all(each["flags"] == "slave" for each in known)

    def _redis(self, port: int) -> SupervisedServer:
        folder = self.folder / str(port)
        folder.mkdir()
        passwords = ("--requirepass", self.password, "--masterauth", self.password)
        at_once = ("--repl-diskless-sync-delay", "0")
        replica = ("--replicaof", f"127.0.0.1 {self.ports[0]}") if port != self.ports[0] else ()
        options = (
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--dir",
            folder,
            "--save",
            "",
            *at_once,
            *passwords,
            *replica,
        )
        return SupervisedServer(ServerSpec("Redis", (program("redis-server"), *options), folder / "log"))

    def _sentinel(self) -> SupervisedServer:
        file = self.folder / "sentinel.conf"
        places = {
            "port": self.sentinel_port,
            "folder": self.folder,
            "primary": self.ports[0],
            "password": self.password,
        }
        file.write_text(SENTINEL.format(**places))
        command = (program("redis-server"), file, "--sentinel")
        return SupervisedServer(ServerSpec("Sentinel", command, self.folder / "sentinel.log"))

    def _haproxy(self) -> SupervisedServer:
        text = (ROOT / "deploy/haproxy.cfg").read_text().replace("bind 127.0.0.1:6379", f"bind 127.0.0.1:{self.port}")
        text, found = re.subn(r"redis-(\d):6379", lambda match: f"127.0.0.1:{self.ports[int(match[1]) - 1]}", text)
        assert found == len(self.ports)
        file = self.folder / "haproxy.cfg"
        file.write_text(text)
        command = (program("haproxy"), "-db", "-f", file)
        spec = ServerSpec(
            "HAProxy", command, self.folder / "haproxy.log", environment={"REDIS_PASSWORD": self.password}
        )
        return SupervisedServer(spec)
