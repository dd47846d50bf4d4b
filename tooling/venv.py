"""Builds `.venv`, and others, from pinned requirements: with uv where it is on PATH, else with pip."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tooling import Refusal
from tooling.environment import ROOT

VENV = ROOT / ".venv"
NO_VENV = "python3 cannot make a virtual environment: `apt install python3-venv`, or put uv on PATH"


def ensure(*names: str, folder: Path | None = None) -> Path:
    """Return the interpreter of the venv in `folder`, by default `.venv`, with the requirement files `names` installed.

    Raises Refusal if the venv cannot be made or a file cannot be installed.
    """
    folder = folder or VENV
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands in a fresh clone build one venv between them
        if not _is_current(folder, "python", sys.version) or not _has_installer(folder):
            _create(folder)
        _install(folder, names)
    return _python(folder)


def _create(folder: Path) -> None:
    print(f"Making {folder.name} …", flush=True)
    # --clear: without its stamp, whatever is there is an interrupted build or belongs to another Python.
    with_uv: list[str | Path] = ["uv", "venv", "-q", "--clear", "--python", sys.executable, folder]
    if not _call(with_uv if _uv() else [sys.executable, "-m", "venv", "--clear", folder]):
        raise Refusal(NO_VENV)
    _stamp(folder, "python").write_text(_digest(sys.version))


def _install(folder: Path, names: Iterable[str]) -> None:
    """Install the files that are not stamped, in one call: starting pip costs seconds."""
    missing = [name for name in names if not _is_current(folder, name, (ROOT / name).read_text())]
    if not missing:
        return
    print(f"Installing {' '.join(missing)} …", flush=True)
    if not _call([*installer(folder), "-q", "--require-hashes", *(f"-r{ROOT / name}" for name in missing)]):
        raise Refusal(f"{' '.join(missing)} could not be installed; the lines above say why")
    for name in missing:  # last, so that an interrupted install is done again
        _stamp(folder, name).write_text(_digest((ROOT / name).read_text()))


def installer(folder: Path) -> list[str | Path]:
    """The beginning of a command that installs into the venv in `folder`."""
    # Without compiling: the first start compiles what it imports and nothing else.
    pip: list[str | Path] = [
        _python(folder), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"
    ]  # fmt: skip
    return ["uv", "pip", "install", "--python", _python(folder)] if _uv() else pip


def _uv() -> bool:
    return not os.environ.get("COMPANION_NO_UV") and shutil.which("uv") is not None


def _has_installer(folder: Path) -> bool:
    return _uv() or (folder / "bin" / "pip").exists()


def _call(command: Iterable[str | Path]) -> bool:
    return subprocess.run([str(part) for part in command]).returncode == 0


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _stamp(folder: Path, name: str) -> Path:
    return folder / f"stamp-{name.replace('/', '-')}"


def _is_current(folder: Path, name: str, content: str) -> bool:
    stamp = _stamp(folder, name)
    return _python(folder).exists() and stamp.exists() and stamp.read_text() == _digest(content)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
