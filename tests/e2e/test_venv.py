"""When `.venv` is made and when it is left alone. No network: what would be called is recorded instead."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tooling import Refusal, venv

NAME = "requirements.txt"


class Calls:
    """Stands in for `venv._call`: does what matters of each command, or fails at the word it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[str] = []
        self.programs: list[str] = []
        self.fails_at = ""

    def __call__(self, command: Iterable[str | Path]) -> bool:
        line = [str(part) for part in command]
        self.seen.append("make" if "--clear" in line else "install")
        if self.seen[-1] == "make":
            shutil.rmtree(self.folder, ignore_errors=True)
            (self.folder / "bin").mkdir(parents=True)
            (self.folder / "bin" / "python").touch()
            (self.folder / "bin" / "pip").touch()
        self.programs.append(Path(line[0]).name)
        return self.seen[-1] != self.fails_at

    def of(self, *names: str) -> list[str]:
        """What `ensure` calls."""
        self.seen = []
        assert venv.ensure(*names) == self.folder / "bin" / "python"
        return self.seen


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """An empty clone with one requirements file; pip, not uv."""
    recorder = Calls(tmp_path / ".venv")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": recorder.folder,
        "_call": recorder,
    }.items():
        monkeypatch.setattr(venv, name, value)
    monkeypatch.setenv("COMPANION_NO_UV", "1")
    (tmp_path / NAME).write_text("django==1\n")
    return recorder


def test_venv__fresh_clone__made_and_filled_once(calls: Calls) -> None:
    assert calls.of(NAME) == ["make", "install"]
    assert calls.of(NAME) == []


def test_venv__half_built__made_again(calls: Calls) -> None:
    """bin/python without the stamp: an interrupted build, or somebody's own venv."""
    (calls.folder / "bin").mkdir(parents=True)
    (calls.folder / "bin" / "python").touch()
    assert calls.of(NAME) == ["make", "install"]


def test_venv__of_another_python__made_again(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    calls.of(NAME)
    monkeypatch.setattr(sys, "version", "3.99.0 (another)")
    assert calls.of() == ["make"]


def test_venv__made_again__everything_is_installed_again(calls: Calls) -> None:
    calls.of(NAME)
    (calls.folder / "stamp-python").unlink()
    assert calls.of(NAME) == ["make", "install"]


def test_venv__interpreter_gone__made_again(calls: Calls) -> None:
    """.venv was copied without what its links lead to."""
    calls.of(NAME)
    (calls.folder / "bin" / "python").unlink()
    assert calls.of(NAME)[0] == "make"


def test_venv__made_by_uv_and_uv_is_gone__made_again(calls: Calls) -> None:
    calls.of(NAME)
    (calls.folder / "bin" / "pip").unlink()
    assert calls.of(NAME)[0] == "make"


def test_venv__requirements_changed__one_install(calls: Calls, tmp_path: Path) -> None:
    calls.of(NAME)
    (tmp_path / NAME).write_text("django==2\n")
    assert calls.of(NAME) == ["install"]
    assert calls.of(NAME) == []


def test_venv__requirements_in_a_folder__installed_once(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "test.txt").write_text("pytest==1\n")
    assert calls.of(NAME, "requirements/test.txt") == ["make", "install"]
    assert calls.of(NAME, "requirements/test.txt") == []


def test_venv__another_folder__made_and_filled_by_itself(calls: Calls) -> None:
    calls.of(NAME)
    folder = calls.folder = calls.folder.parent / "venvs" / "clients"
    calls.seen = []
    assert venv.ensure(NAME, folder=folder) == folder / "bin" / "python"
    assert calls.seen == ["make", "install"]
    assert (folder.parent / "clients.lock").exists()


def test_venv__install_fails__said_and_done_again(calls: Calls) -> None:
    calls.fails_at = "install"
    with pytest.raises(Refusal, match=NAME):
        calls.of(NAME)
    assert not (calls.folder / f"stamp-{NAME}").exists()
    calls.fails_at = ""
    assert calls.of(NAME) == ["install"]


def test_venv__making_fails__said_with_the_ways_out_and_done_again(calls: Calls) -> None:
    calls.fails_at = "make"
    with pytest.raises(Refusal, match=r"python3-venv.*uv"):
        calls.of(NAME)
    calls.fails_at = ""
    assert calls.of(NAME) == ["make", "install"]


@pytest.mark.parametrize("uv", [True, False])
def test_venv__uv_on_path_or_not__used_or_not(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: bool
) -> None:
    monkeypatch.delenv("COMPANION_NO_UV")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    if uv:
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "uv").touch(0o755)
    assert calls.of(NAME) == ["make", "install"]
    assert calls.programs == (["uv", "uv"] if uv else [Path(sys.executable).name, "python"])
