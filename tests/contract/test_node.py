"""Packages of a folder's package-lock.json, from npm, as tests use them."""

import json
import subprocess
from pathlib import Path

from tooling import node

TYPESCRIPT = Path(__file__).with_name("typescript")


def test_workspace__runs_what_its_lock_names(tmp_path: Path) -> None:
    place = node.workspace(TYPESCRIPT, tmp_path / "workspace")
    run = subprocess.run(["tsc", "--version"], cwd=place, env=node.environment(place), capture_output=True, text=True)
    pinned = json.loads((TYPESCRIPT / "package.json").read_text())["devDependencies"]["typescript"]
    assert run.stdout.split() == ["Version", pinned]


def test_workspace__second__installs_nothing(tmp_path: Path) -> None:
    first = node.workspace(TYPESCRIPT, tmp_path / "first")
    changed = (first / "node_modules").stat().st_mtime_ns
    second = node.workspace(TYPESCRIPT, tmp_path / "second")
    assert (second / "node_modules").stat().st_mtime_ns == changed
