"""Runs a server with fewer rights than root, without opening anybody's folders to it."""

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tooling import Refusal

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
