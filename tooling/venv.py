"""Builds `.venv` from the pinned requirements: with uv where it is on PATH, else with pip."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tooling.errors import Refusal
from tooling.paths import ROOT, VENV, VENV_PYTHON

NO_VENV = "python3 cannot make a virtual environment: `apt install python3-venv`, or put uv on PATH"


def ensure(*names: str) -> Path:
    """Return the interpreter of a venv that holds the requirement files `names`, building what is missing."""
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands in a fresh clone build one venv, not half of two
        if not _is_current(VENV / "stamp-python", sys.version) or not _has_installer():
            _create()
        for name in names:
            _install(ROOT / name)
    return VENV_PYTHON


def _create() -> None:
    print("Making .venv …", flush=True)
    # --clear: without its stamp, whatever lies there is an interrupted build or another Python's.
    with_uv: list[str | Path] = ["uv", "venv", "-q", "--clear", "--python", sys.executable, VENV]
    if not _call(with_uv if _uv() else [sys.executable, "-m", "venv", "--clear", VENV]):
        raise Refusal(NO_VENV)
    (VENV / "stamp-python").write_text(_digest(sys.version))


def _install(requirements: Path) -> None:
    stamp, content = VENV / f"stamp-{requirements.name}", requirements.read_text()
    if _is_current(stamp, content):
        return
    print(f"Installing {requirements.name} …", flush=True)
    options: list[str | Path] = ["-q", "--require-hashes", "-r", requirements]
    pip: list[str | Path] = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check"]
    with_uv: list[str | Path] = ["uv", "pip", "install", "--compile-bytecode", "--python", VENV_PYTHON]
    if not _call([*(with_uv if _uv() else pip), *options]):
        raise Refusal(f"{requirements.name} could not be installed; the lines above say why")
    stamp.write_text(_digest(content))  # last, so that an interrupted install is done again


def _uv() -> bool:
    return not os.environ.get("COMPANION_NO_UV") and shutil.which("uv") is not None


def _has_installer() -> bool:
    return _uv() or (VENV / "bin" / "pip").exists()


def _call(command: Iterable[str | Path]) -> bool:
    # Bytecode is wanted here, whatever the shell exports: it halves every later start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([str(part) for part in command], env=environment).returncode == 0


def _is_current(stamp: Path, content: str) -> bool:
    return VENV_PYTHON.exists() and stamp.exists() and stamp.read_text() == _digest(content)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
