"""Where the programs run: virtual environments and node_modules of their own, made from lock files."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from tooling import node, venv
from tooling.environment import ROOT

FOLDER = Path(__file__).parent
VENVS = ROOT / "var" / "venvs"
PYTHON = {"clients": "requirements/clients.txt", "instructor": "requirements/instructor.txt"}
NODE = FOLDER / "node"


def make(folder: Path) -> None:
    """Make what is not there yet, with uv, which is much quicker than pip. Node's programs go into `folder`."""
    uv = venv.ensure("requirements/uv.txt", folder=VENVS / "uv")
    os.environ["PATH"] = f"{os.environ['PATH']}:{uv.parent}"
    for name, requirements in PYTHON.items():
        venv.ensure(requirements, folder=VENVS / name)
    node.workspace(NODE, folder / NODE.name)


def python(name: str) -> Path:
    """Return the interpreter of an environment."""
    return VENVS / name / "bin" / "python"


def command(name: str, program: Path, folder: Path, report: Path) -> Sequence[str | Path]:
    """Return what runs a program in an environment, and writes what came of it to `report`."""
    if name == "node":
        options = ["--test-reporter=junit", f"--test-reporter-destination={report}"]
        return [node.program(), "--test", *options, folder / NODE.name / program.name]
    return [python(name), "-m", "pytest", "-q", "-c", FOLDER / "python" / "pytest.ini", f"--junitxml={report}", program]


def version(name: str, package: str) -> str:
    """Return the version of `package` that the lock file of an environment pins."""
    if name == "node":
        locked = json.loads((NODE / "package-lock.json").read_text())
        return str(locked["packages"][f"node_modules/{package}"]["version"])
    found = re.search(rf"^{re.escape(package)}==(\S+)", (ROOT / PYTHON[name]).read_text(), re.MULTILINE)
    assert found, f"{package} is not in {PYTHON[name]}"
    return found[1]
