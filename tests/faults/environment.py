"""Servers and a database of these tests' own, the worker processes that serve from them, and the production service."""

import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg

from tests.faults.history import Commit, Read
from tests.faults.servers import PostgresServer, RedisServer
from tests.faults.workers import Worker
from tests.waiting import wait_until
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port
from tooling.serve import GRANIAN

START = "import django; django.setup(); from tests.faults.worker import become_worker; become_worker([])"
WORKER = (sys.executable, "-c", START)
NOTIFYING = "PERFORM pg_notify("
FEEDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'companion: change feed'"
HEAD_START = 100_000_000  # ns


class NewWorker(Protocol):
    """Makes a worker; see Environment.worker."""

    def __call__(self, *, without: Sequence[str] = (), **settings: str) -> Worker: ...


class Environment:
    """PostgreSQL (`postgres`), Redis (`redis`), a migrated database and `worker()` after `worker()`.

    `writer` is a worker for writes for which any will do; `sql` asks the database without Django.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._ends = folder, ExitStack()
        self.postgres = PostgresServer(folder / "postgres", secrets.token_urlsafe(24))
        self._ends.callback(self.postgres.stop)
        self.redis = RedisServer(folder / "redis")
        self._ends.callback(self.redis.stop)
        self.variables = self._variables()
        self._run("manage.py", "migrate", "--verbosity", "0")
        self._listener = self._ends.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.bind(str(folder / "workers"))
        self._listener.listen()
        self._listener.settimeout(60)
        self._parents: dict[tuple[tuple[str, str], ...], Worker] = {}
        self.writer = self.worker()

    def close(self) -> None:
        """End all workers, then the servers."""
        self._ends.close()

    def worker(self, *, without: Sequence[str] = (), **settings: str) -> Worker:
        """Return a new process, which has read nothing yet.

        `without` names `fault_injection.SAFEGUARDS` to switch off, `settings` are environment variables. The
        first worker with given settings takes a second to start; all others are forked from it in some milliseconds.
        """
        key = tuple(sorted(settings.items()))
        if key not in self._parents:
            self._parents[key] = self._start(settings)
        self._parents[key].ask("fork", path=str(self.folder / "workers"), without=list(without))
        channel, _ = self._listener.accept()
        return self._until_the_end(Worker(channel, self.log))

    @contextmanager
    def workers(self) -> Iterator[NewWorker]:
        """Yield `worker`; those it makes end with the block."""
        with ExitStack() as ends:

            def new(*, without: Sequence[str] = (), **settings: str) -> Worker:
                made = self.worker(without=without, **settings)
                ends.callback(made.close)
                return made

            yield new

    def create(self, *names: str, serial: int = 1) -> list[Commit]:
        """Create global personalities of these names, each with the serial number as its greeting."""
        return [self.writer.write("create", name, serial) for name in names]

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Execute one statement over a connection that Django knows nothing of; return its rows, if it has any."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def copy_in_redis(self, name: str) -> Any:
        """Return the greeting in what Redis holds of a global personality; None when it holds nothing."""
        found = self.redis.client.get(self.keys(name)[1])
        return found and json.loads(found)["greeting"]

    def keys(self, name: str) -> tuple[str, str]:
        """Return the two Redis keys of a global personality."""
        return f"personality:global:{name}:id", f"personality:global:{name}:config"

    @contextmanager
    def no_notifications(self) -> Iterator[None]:
        """Log changes without NOTIFY, so that processes find them only when they poll."""
        ((note,),) = self.sql("SELECT pg_get_functiondef('coherence_note(text)'::regprocedure)")
        assert NOTIFYING in note
        self.sql(note.replace(NOTIFYING, "PERFORM concat("))
        try:
            yield
        finally:
            self.sql(note)

    @contextmanager
    def hanging_feeds(self) -> Iterator[None]:
        """Let PostgreSQL serve everybody but the change feeds, whose connections hang."""
        backends = [psutil.Process(pid) for (pid,) in self.sql(FEEDS)]
        for backend in backends:
            backend.suspend()
        try:
            wait_until(lambda: all(backend.status() == psutil.STATUS_STOPPED for backend in backends))
            yield
        finally:
            for backend in backends:
                backend.resume()

    @property
    def log(self) -> Path:
        """The file that holds the workers' standard error."""
        return self.folder / "workers.log"

    def _variables(self) -> dict[str, str]:
        """What a server is given, and no more: the suite's own settings must not get in."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "COMPANION_ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "companion.settings",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "*",
            "HTTPS_ONLY": "false",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "REDIS_KEY_PREFIX": "",
        }

    def _start(self, settings: dict[str, str]) -> Worker:
        """Start a worker from nothing, for others to be forked from. It asks no server anything itself."""
        ours, its = socket.socketpair()
        with its, self.log.open("ab") as log:
            env, end = self.variables | settings, its.fileno()
            process = subprocess.Popen(WORKER, cwd=ROOT, env=env, stdin=end, stdout=end, stderr=log)
        self._ends.callback(process.wait)
        return self._until_the_end(Worker(ours, self.log))

    def _until_the_end(self, worker: Worker) -> Worker:
        self._ends.callback(worker.close)
        return worker

    def _run(self, *command: str) -> None:
        subprocess.run([sys.executable, *command], cwd=ROOT, env=self.variables, check=True, timeout=60)


def at_once(workers: Sequence[Worker], names: Sequence[str]) -> tuple[int, list[Read]]:
    """Read each name in a thread of its own in each worker, all at one moment.

    Returns how often the workers asked the database for a row, and what they read.
    """
    for worker in workers:
        worker.send("line_up", names=list(names))
    for worker in workers:
        worker.answer()
    at = time.monotonic_ns() + HEAD_START
    for worker in workers:
        worker.send("read_at", at=at)
    answers = [(worker, *worker.answer()) for worker in workers]
    return sum(asked for _, asked, _ in answers), [worker.event(row) for worker, _, rows in answers for row in rows]


class Answer(NamedTuple):
    """A response and the seconds it took."""

    response: httpx.Response
    seconds: float

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self.response.status_code

    @property
    def is_marked(self) -> bool:
        """Whether it says that PostgreSQL has not confirmed it, and for how long."""
        return "unverified" in self.response.headers["Server-Timing"] and int(self.response.headers["Age"]) > 0


class Service:
    """A running service, asked by a client that presents an API key. `pid` is the process that started it."""

    def __init__(self, url: str, key: str, server: SupervisedServer) -> None:
        self.url, self.key, self.server, self.pid = url, key, server, server.process.pid
        headers = {"Authorization": f"Bearer {key}"}
        many = httpx.Limits(max_connections=None)
        self.client = httpx.Client(
            base_url=url, headers=headers, trust_env=False, verify=False, timeout=10, limits=many
        )

    @property
    def main(self) -> psutil.Process:
        """The process of granian that starts the workers, which are its children."""
        (child,) = psutil.Process(self.server.process.pid).children()
        return child

    def personality(self, name: str) -> Answer:
        """Read one personality."""
        return self.get(f"/api/v1/personalities/{name}/")

    def get(self, path: str) -> Answer:
        """Read any path."""
        start = time.monotonic()
        response = self.client.get(path)
        return Answer(response, time.monotonic() - start)

    def mebibytes(self) -> int:
        """The memory of all its processes."""
        processes = psutil.Process(self.pid).children(recursive=True)
        return int(sum(process.memory_info().rss for process in processes)) >> 20

    def personalities(self, names: Sequence[str]) -> list[Answer]:
        """Read several personalities, all at once."""
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(self.personality, names))


@contextmanager
def production_service(
    environment: Environment, key: str, folder: Path, *arguments: str, root: str = str(ROOT), **settings: str
) -> Iterator[Service]:
    """Run the service as the README does in production, on the servers of `environment`; `folder` gets its log.

    `arguments` are granian's, `settings` environment variables, `root` is where its code is.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # or a failed test reports each request
    with starting_service(environment, key, folder, *arguments, root=root, **settings) as running:
        log, process = folder / "log", running.server.process
        wait_until(lambda: "Started worker" in log.read_text() or process.poll() is not None, 30)
        assert process.poll() is None, log.read_text()
        port = urlsplit(running.url).port
        wait_until(lambda: _accepts(port), 30)  # a moment after it has said so
        yield running


def _accepts(port: int | None) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextmanager
def starting_service(
    environment: Environment, key: str, folder: Path, *arguments: str, root: str = str(ROOT), **settings: str
) -> Iterator[Service]:
    """Start it likewise, and do not wait until it runs."""
    port, log = free_port(), folder / "log"
    command = (sys.executable, "-m", *GRANIAN, "--port", str(port), *arguments)
    env = environment.variables | {"SHUTDOWN_NOTICE_SECONDS": "0"} | settings
    server = SupervisedServer(ServerSpec("granian", command, log, cwd=Path(root), environment=env))
    try:
        running = Service(f"http://127.0.0.1:{port}", key, server)
        with running.client:
            yield running
    finally:
        server.stop()


def client_of(worker: psutil.Process, url: str) -> httpx.Client:
    """A client that keeps a connection which this worker has accepted."""
    while True:
        client = httpx.Client(base_url=url, trust_env=False, verify=False, timeout=10)
        stream = client.get("/livez").extensions["network_stream"]
        if has_accepted(worker, stream.get_extra_info("socket")):
            return client
        client.close()


def has_accepted(worker: psutil.Process, connection: socket.socket) -> bool:
    """Whether the worker has the other end."""
    port = connection.getsockname()[1]
    return any(found.raddr and found.raddr.port == port for found in worker.net_connections("tcp"))
