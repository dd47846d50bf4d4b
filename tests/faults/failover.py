"""A database that loses a commit, by a failover, a restored dump or snapshot, and who has read that commit before."""

import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.faults.environment import Environment, NewWorker
from tests.faults.history import Read
from tests.faults.servers import PostgresServer
from tests.faults.workers import Worker
from tests.waiting import wait_until
from tooling import postgres

TRUE, LOST = 1, 2  # serial numbers
CLOCK, CLOCK_AHEAD = "clock_timestamp()", "(clock_timestamp() + interval '20 s')"
NUMBERS_AHEAD = "SELECT setval('coherence_number', (extract(epoch FROM now() + interval '30 s') * 1000)::bigint)"
EDIT = "UPDATE personalities_personality SET greeting = %s WHERE personality_name = ANY(%s)"


def run(folder: Path, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the user of its servers; "FOLDER" stands for `folder`."""
    cluster = postgres._open(folder)
    try:
        made = cluster._run((), program, *[each.replace("FOLDER", str(cluster.folder.name)) for each in arguments])
        assert not made.returncode, made.stderr
    finally:
        if cluster.borrowed:
            shutil.rmtree(cluster.borrowed)


class Copied(PostgresServer):
    """A server on a base backup of another: its standby, or a server by itself."""

    def __init__(self, folder: Path, source: PostgresServer, *, standby: bool) -> None:
        run(folder, "pg_basebackup", "-D", "FOLDER/data", "-d", source.url, "-c", "fast", *["-R"] * standby)
        super().__init__(folder, urlsplit(source.url).password or "")

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Execute one statement; return its rows, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []


class Restored:
    """A database that is dropped and restored from a dump that somebody made before the last commit."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder, self.server = folder / "server", Copied(folder / "server", environment.postgres, standby=False)
        self.url, self.sql, self.close = self.server.url, self.server.sql, self.server.stop

    def keep(self) -> None:
        """Make the dump."""
        run(self.folder, "pg_dump", "-Fc", "-f", "FOLDER/dump", "-d", self.url)

    def lose(self) -> int:
        """Go back to the dump; return the moment (monotonic, ns) at which everybody sees that."""
        name = urlsplit(self.url).path[1:]
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            server.execute(f"CREATE DATABASE {name}".encode())
        run(self.folder, "pg_restore", "-1", "-d", self.url, "FOLDER/dump")
        return time.monotonic_ns()


class Rewound:
    """A database whose disk is put back to the snapshot that somebody made before the last commit."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder, self.server = folder / "server", Copied(folder / "server", environment.postgres, standby=False)
        self.url, self.sql, self.close = self.server.url, self.server.sql, self.server.stop

    def keep(self) -> None:
        """Make the snapshot."""
        self._copy("data", "snapshot")

    def lose(self) -> int:
        """Go back to the snapshot; return the moment (monotonic, ns) at which everybody sees that."""
        self._copy("snapshot", "data")
        return time.monotonic_ns()

    def _copy(self, source: str, target: str) -> None:
        """Keeping owners and modes, while the server is down."""
        self.server.halt()
        shutil.rmtree(self.folder / target, ignore_errors=True)
        subprocess.run(["cp", "-a", self.folder / source, self.folder / target], check=True)
        self.server.restart()


class Pair:
    """A primary that has what the environment's PostgreSQL had, and its asynchronous standby. `url` names both."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.primary = Copied(folder / "primary", environment.postgres, standby=False)
        self.standby = Copied(folder / "standby", self.primary, standby=True)
        where = urlsplit(self.primary.url)
        hosts, ports = "127.0.0.1,127.0.0.1", f"{self.primary.port},{self.standby.port}"
        options = f"host={hosts}&port={ports}&target_session_attrs=read-write"
        self.url = f"postgresql://{where.username}:{where.password}@{where.path}?{options}"
        self.sql = self.primary.sql

    def close(self) -> None:
        """End both."""
        self.primary.stop()
        self.standby.stop()

    def keep(self) -> None:
        """Let the standby hear no more, once it has heard all."""
        ((written,),) = self.primary.sql("SELECT pg_current_wal_lsn()::text")
        wait_until(lambda: self.standby.sql("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written)[0][0])
        self.standby.sql("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.sql("SELECT pg_reload_conf()")
        wait_until(lambda: not self.primary.sql("SELECT FROM pg_stat_replication"))

    def lose(self) -> int:
        """Kill the primary and promote the standby; return the moment (monotonic, ns) at which it was promoted."""
        self.primary.kill()
        assert self.standby.sql("SELECT pg_promote()") == [(True,)]
        self.sql = self.standby.sql
        return time.monotonic_ns()


Database = Pair | Restored | Rewound


def put_clock_ahead(database: Database) -> None:
    """Have it number commits by a clock that is 20 s ahead of the one it will have."""
    ((note,),) = database.sql("SELECT pg_get_functiondef('coherence_note(text)'::regprocedure)")
    assert CLOCK in note
    database.sql(note.replace(CLOCK, CLOCK_AHEAD))


def put_numbers_ahead(database: Database) -> None:
    """Have its numbers lead the clock by 30 s, as after 1,000 commits for each millisecond."""
    database.sql(NUMBERS_AHEAD)


class Group:
    """Processes that share their copies in Redis with nobody else: two readers that go on, or die and are replaced."""

    def __init__(self, environment: Environment, new: NewWorker, url: str, *, alive: bool, flushed: bool) -> None:
        self.alive, self.flushed, self._redis = alive, flushed, environment.redis.client
        self.prefix = f"{secrets.token_hex(4)}:"
        self._new, self._settings = new, {"DATABASE_URL": url, "REDIS_KEY_PREFIX": self.prefix}
        self._readers: list[Worker] = []
        self.reads: list[Read] = []

    def worker(self) -> Worker:
        """Return a process that has read nothing yet."""
        return self._new(**self._settings)

    def begin(self, name: str) -> None:
        """Read from now on."""
        self._readers = [self.worker(), self.worker()]
        for reader in self._readers:
            reader.watch([name], pause=(0, 0.01))

    def know(self, names: Sequence[str], serial: int) -> None:
        """Wait until all read `serial` in all of them, and Redis has it."""
        with closing(self.worker()) as other:
            for reader in (other, *self._readers):
                for name in names:
                    wait_until(partial(self._reads, reader, name, serial))
        for name in names:
            stored = json.loads(self._redis.get(f"{self.prefix}personality:global:{name}:config") or "{}")
            assert stored.get("greeting") == str(serial), f"Redis has another copy: {stored}"

    def fall(self) -> None:
        """What befalls the group together with the database."""
        if not self.alive:
            for reader in self._readers:
                reader.kill()
            self._readers = []
        if self.flushed:
            for key in self._redis.scan_iter(f"{self.prefix}*"):
                self._redis.delete(key)

    def rise(self, name: str) -> None:
        """Whoever died is replaced."""
        if not self.alive:
            self.begin(name)

    def newcomer(self, name: str) -> None:
        """Read once in another new process."""
        with closing(self.worker()) as worker:
            self.reads.append(worker.read(name))

    def end(self) -> None:
        """Stop reading, and add up what was read."""
        for reader in self._readers:
            self.reads += reader.unwatch().reads

    def _reads(self, reader: Worker, name: str, serial: int) -> bool:
        return reader.read(name).version == serial
