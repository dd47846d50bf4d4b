"""Builds `.venv` from the pinned requirements: with uv where it is on PATH, else with pip."""

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
VENV_PYTHON = VENV / "bin" / "python"
NO_VENV = "python3 cannot make a virtual environment: `apt install python3-venv`, or put uv on PATH"


def ensure(*names: str) -> Path:
    """Return the interpreter of `.venv`, with the requirement files `names` installed in it.

    Raises Refusal if the venv cannot be made or a file cannot be installed.
    """
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands in a fresh clone build one venv between them
        if not _is_current(VENV / "stamp-python", sys.version) or not _has_installer():
            _create()
        _install(names)
    return VENV_PYTHON


def _create() -> None:
    print("Making .venv …", flush=True)
    # --clear: without its stamp, whatever is there is an interrupted build or belongs to another Python.
    with_uv: list[str | Path] = ["uv", "venv", "-q", "--clear", "--python", sys.executable, VENV]
    if not _call(with_uv if _uv() else [sys.executable, "-m", "venv", "--clear", VENV]):
        raise Refusal(NO_VENV)
    (VENV / "stamp-python").write_text(_digest(sys.version))


def _install(names: Iterable[str]) -> None:
    """Install the files that are not stamped, in one call: starting pip costs seconds."""
    stamps = {name: VENV / f"stamp-{name.replace('/', '-')}" for name in names}
    missing = [name for name, stamp in stamps.items() if not _is_current(stamp, (ROOT / name).read_text())]
    if not missing:
        return
    print(f"Installing {' '.join(missing)} …", flush=True)
    if not _call([*_installer(), "-q", "--require-hashes", *(f"-r{ROOT / name}" for name in missing)]):
        raise Refusal(f"{' '.join(missing)} could not be installed; the lines above say why")
    for name in missing:  # last, so that an interrupted install is done again
        stamps[name].write_text(_digest((ROOT / name).read_text()))


def _installer() -> list[str | Path]:
    # Without compiling: the first start compiles what it imports and nothing else.
    pip: list[str | Path] = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    return ["uv", "pip", "install", "--python", VENV_PYTHON] if _uv() else pip


def _uv() -> bool:
    return not os.environ.get("COMPANION_NO_UV") and shutil.which("uv") is not None


def _has_installer() -> bool:
    return _uv() or (VENV / "bin" / "pip").exists()


def _call(command: Iterable[str | Path]) -> bool:
    return subprocess.run([str(part) for part in command]).returncode == 0


def _is_current(stamp: Path, content: str) -> bool:
    return VENV_PYTHON.exists() and stamp.exists() and stamp.read_text() == _digest(content)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
