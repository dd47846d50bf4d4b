"""Starts a PostgreSQL server on a free loopback port, as an unprivileged user when we are root."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tooling import postgres_binaries
from tooling.errors import Refusal
from tooling.identity import Folder, can_run, unprivileged_user
from tooling.processes import Guarded, Order, free_port, tail

THROW_AWAY = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
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
    where = ("-D", f"{cluster.folder.name}/data", "-h", "127.0.0.1", "-p", str(port))
    return Order(
        name="PostgreSQL",
        command=(cluster.bindir / "postgres", *where, *settings),
        log=cluster.folder.path / "log",
        signal="SIGINT",  # PostgreSQL's "fast shutdown": ends sessions, writes a checkpoint
        user=cluster.folder.user,
        keep_open=cluster.folder.descriptors,
        remove=[cluster.borrowed] if cluster.borrowed else [],
        hold=hold,
    )


def _open(folder: Path) -> Cluster:
    user = unprivileged_user() if os.geteuid() == 0 else None
    bindir = postgres_binaries.find()
    place = Folder.make(folder, user)
    if user is None or can_run(bindir / "initdb", user):
        return Cluster(place, bindir, None)
    copy = postgres_binaries.lend(bindir, user)
    return Cluster(place, copy / bindir.relative_to(bindir.parents[2]), copy)


def _is_ready(data: Path, port: int) -> bool:
    """The server says so itself, in the last line of its pid file. A stale file names another port."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[3] == str(port) and lines[7].strip() == "ready"
