"""A stage: servers and a database of its own, and worker processes that serve from them."""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.history import Commit
from tests.faults.servers import PostgresServer, RedisServer
from tests.faults.workers import Worker
from tooling.environment import ROOT

WORKER = (sys.executable, "-m", "tests.faults.worker")
NOTIFYING = "PERFORM pg_notify("


class Stage:
    """PostgreSQL (`postgres`), Redis (`redis`), a migrated database and `worker()` after `worker()`.

    `writer` is a worker for writes that no test has special wishes for; `sql` asks the database without Django.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._ends = folder, ExitStack()
        self.postgres = PostgresServer(folder / "postgres", secrets.token_urlsafe(24))
        self._ends.callback(self.postgres.stop)
        self.redis = RedisServer(folder / "redis")
        self._ends.callback(self.redis.stop)
        self.environment = self._environment()
        self._run("manage.py", "migrate", "--verbosity", "0")
        self._door = self._ends.enter_context(socket.socket(socket.AF_UNIX))
        self._door.bind(str(folder / "door"))
        self._door.listen()
        self._door.settimeout(60)
        self._nursery = self.start_worker()
        self.writer = self.worker()

    def close(self) -> None:
        self._ends.close()

    def worker(self, *, without: Sequence[str] = (), **environment: str) -> Worker:
        """A new process, which has read nothing yet. `without` names cures to switch off (`mutations.CURES`).

        With variables of its own it takes a second to start, without them it is forked in some milliseconds.
        """
        if environment:
            return self.start_worker(without, **environment)
        self._nursery.ask("fork", path=str(self.folder / "door"), without=list(without))
        channel, _ = self._door.accept()
        return self._known(Worker(channel, self.log))

    def start_worker(self, without: Sequence[str] = (), **environment: str) -> Worker:
        ours, its = socket.socketpair()
        command = [*WORKER, *(word for cure in without for word in ("--without", cure))]
        with its, self.log.open("ab") as log:
            env, end = self.environment | environment, its.fileno()
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=end, stdout=end, stderr=log)
        self._ends.callback(process.wait)
        return self._known(Worker(ours, self.log))

    def create(self, *names: str, serial: int = 1) -> list[Commit]:
        """Global personalities of these names, each with the serial number as its greeting."""
        return [self.writer.write("create", name, serial) for name in names]

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """One statement, by a stranger to Django; its rows, if it has any."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def copy_in_redis(self, name: str) -> Any:
        """The greeting in what Redis holds of a global personality; None when it holds nothing."""
        found = self.redis.client.get(self.keys(name)[1])
        return found and json.loads(found)["greeting"]

    def keys(self, name: str) -> tuple[str, str]:
        """What Redis calls a global personality."""
        return f"personality:global:{name}:id", f"personality:global:{name}:config"

    @contextmanager
    def no_notifications(self) -> Iterator[None]:
        """Changes are logged, and nobody is told: a process finds them when it looks."""
        ((note,),) = self.sql("SELECT pg_get_functiondef('coherence_note(text)'::regprocedure)")
        assert NOTIFYING in note
        self.sql(note.replace(NOTIFYING, "PERFORM concat("))
        try:
            yield
        finally:
            self.sql(note)

    @property
    def log(self) -> Path:
        """Where workers complain."""
        return self.folder / "workers.log"

    def _environment(self) -> dict[str, str]:
        """What a server is given, and no more: the suite's own settings must not get in."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "companion.settings",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "*",
            "HTTPS_ONLY": "false",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "REDIS_KEY_PREFIX": "",
        }

    def _known(self, worker: Worker) -> Worker:
        self._ends.callback(worker.close)
        return worker

    def _run(self, *command: str) -> None:
        subprocess.run([sys.executable, *command], cwd=ROOT, env=self.environment, check=True, timeout=60)
