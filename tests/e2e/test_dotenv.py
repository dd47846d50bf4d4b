"""`.env`: NAME=value lines under what the shell says."""

import os
from pathlib import Path

import pytest

from tests.e2e.instance import dev
from tooling import Refusal, environment


def read(folder: Path, text: str) -> dict[str, str]:
    (folder / ".env").write_text(text)
    return environment.read_dotenv(folder / ".env")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        (" A = b ", "b"),
        ("export A=b", "b"),
        ('A="b c"', "b c"),
        ("A='b c'", "b c"),
        ("A='b\"'", 'b"'),
        ("A='it''s'", "it''s"),
        ("A=\"b'", "\"b'"),
        ('A="', '"'),
        ("A=", ""),
        ("A=b=c", "b=c"),
        ("A=b#c", "b#c"),
    ],
)
def test_dotenv__assignment__value(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"{line}\n") == {"A": value}


def test_dotenv__comments_and_empty_lines__skipped(tmp_path: Path) -> None:
    assert read(tmp_path, "# A=1\n\n   \n  # B=2\nC=3\n#\n") == {"C": "3"}


def test_dotenv__no_file__nothing(tmp_path: Path) -> None:
    assert environment.read_dotenv(tmp_path / ".env") == {}


@pytest.mark.parametrize("line", ["NONSENSE", "SOME WORDS=1", "=1", "1A=1"])
def test_dotenv__malformed_line__numbered(tmp_path: Path, line: str) -> None:
    with pytest.raises(Refusal, match="line 2 is not NAME=value"):
        read(tmp_path, f"A=1\n{line}\n")


@pytest.mark.parametrize("line", ["SECRET KEY=hunter2", "hunter2", "my hunter2 line"])
def test_dotenv__malformed_line__not_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read(tmp_path, f"{line}\n")
    assert "hunter2" not in str(refusal.value)


def test_dotenv__shell_exports_it__shell_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_ENV_FILE", raising=False)
    for name, value in (("E2E_OF_SHELL", "shell"), ("E2E_EMPTY", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("E2E_OF_FILE", "undone with the test")
    monkeypatch.delenv("E2E_OF_FILE")
    (tmp_path / ".env").write_text("E2E_OF_SHELL=file\nE2E_EMPTY=file\nE2E_OF_FILE=file\n")
    environment.load_dotenv(tmp_path / ".env")
    found = [os.environ[name] for name in ("E2E_OF_SHELL", "E2E_EMPTY", "E2E_OF_FILE")]
    assert found == ["shell", "", "file"]


def test_dotenv__malformed__dev_py_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NONSENSE\n")
    refused = dev("manage", "check", var=tmp_path / "var", COMPANION_ENV_FILE=str(tmp_path / ".env"))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "dev.py: .env: line 1 is not NAME=value\n"
    assert not (tmp_path / "var").exists()


def test_dotenv__names_binaries_and_var__obeyed(tmp_path: Path) -> None:
    """Variables of dev.py itself may be set there as well."""
    (tmp_path / ".env").write_text(f"PG_BINDIR=/no/such/place\nCOMPANION_VAR_DIR={tmp_path / 'elsewhere'}\n")
    refused = dev("run", "--port", "0", var=None, COMPANION_ENV_FILE=str(tmp_path / ".env"))
    assert refused.returncode == 1
    assert "PG_BINDIR=/no/such/place" in refused.stderr
    assert (tmp_path / "elsewhere" / "secrets.json").exists()
