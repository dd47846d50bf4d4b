"""What a contributor's tools are told agrees with what `dev.py check` and `.ci/run` do."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tooling.environment import ROOT

HOOK_VERSIONS = {"https://github.com/astral-sh/ruff-pre-commit": "ruff"}  # repository of the hooks: package they pin


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def pinned(package: str) -> str:
    """The version of `package` in the lock file of the checks."""
    (version,) = re.findall(rf"^{package}==(\S+)", (ROOT / "requirements/check.txt").read_text(), re.MULTILINE)
    return str(version)


def test_pre_commit__versions__are_those_of_check() -> None:
    remote = {repo["repo"]: repo["rev"] for repo in load(".pre-commit-config.yaml")["repos"] if repo["repo"] != "local"}
    assert remote == {repo: f"v{pinned(package)}" for repo, package in HOOK_VERSIONS.items()}


def test_pre_commit__local_hooks__run_checks_that_exist() -> None:
    from tooling.check import CHECKS

    (local,) = [repo for repo in load(".pre-commit-config.yaml")["repos"] if repo["repo"] == "local"]
    commands = [hook["entry"].split() for hook in local["hooks"]]
    assert {command[-1] for command in commands} <= CHECKS.keys()
    assert all(command[:-1] == ["python3", "dev.py", "check"] for command in commands)


def test_pre_commit__every_stage__installed() -> None:
    config = load(".pre-commit-config.yaml")
    stages = {stage for repo in config["repos"] for hook in repo["hooks"] for stage in hook.get("stages", [])}
    assert {*config["default_stages"], *stages} == {*config["default_install_hook_types"]}


@pytest.mark.parametrize(("name", "starts"), [("imports", False), ("mypy", False), ("migrations", True)])
def test_check__servers__started_only_if_needed(monkeypatch: pytest.MonkeyPatch, name: str, starts: bool) -> None:
    from tooling import check, servers, venv

    started: list[bool] = []

    @contextmanager
    def throw_away(env: dict[str, str]) -> Iterator[dict[str, str]]:
        started.append(True)
        yield check.NOWHERE

    monkeypatch.setattr(servers, "throw_away", throw_away)
    monkeypatch.setattr(venv, "ensure", lambda *names: Path(sys.executable))
    monkeypatch.setitem(check.CHECKS, name, ("-c", "import os; os.environ['DATABASE_URL'], os.environ['REDIS_URL']"))
    assert check.check([name]) == 0
    assert bool(started) is starts


def test_workflow__runs_what_ci_runs() -> None:
    (job,) = load(".github/workflows/ci.yml")["jobs"].values()
    assert job["steps"][-1]["run"] == ".ci/run"
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_issue_template__has_what_github_asks_for(name: str) -> None:
    _, front, _ = (ROOT / f".github/ISSUE_TEMPLATE/{name}.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front).keys() >= {"name", "about"}
