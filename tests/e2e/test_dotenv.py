"""`.env`: NAME=value lines under what the shell says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from companion.env_files import EnvFileError, read_env_file
from tests.e2e.instance import dev
from tooling import environment
from tooling.environment import ROOT


def read(folder: Path, text: str) -> dict[str, str]:
    (folder / ".env").write_bytes(text.encode())
    return read_env_file(folder / ".env")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        (" A = b ", "b"),
        ("export A=b", "b"),
        ('A="b c"', "b c"),
        ("A='b c'", "b c"),
        ("A='b\"'", 'b"'),
        ("A=", ""),
        ("A=b=c", "b=c"),
        ("A=b#c", "b#c"),
        ("A=b # a comment", "b"),
        ("A='b # c' # a comment", "b # c"),
        ('A="b # c"# a comment', "b # c"),
        ("export\tA='b'\t", "b"),
        ("A=#b", "#b"),
        ("A=b c", "b c"),
        ("A=b'c\"d", "b'c\"d"),
        ("A='b\nc'", "b\nc"),
        ("A=${HOME}", "${HOME}"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_dotenv__assignment__value(tmp_path: Path, line: str, value: str, end: str) -> None:
    assert read(tmp_path, f"\ufeff{line}{end}") == {"A": value}
    assert dotenv_values(tmp_path / ".env", interpolate=False) == {"A": value}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (r"A='b\'", "b\\"),
        (r"A='b\\c\$d\n'", r"b\\c\$d\n"),
        (r'A="b\$c"', "b$c"),
        (r'A="b\"c\\d\`e"', 'b"c\\d`e'),
        (r'A="b\nc\td\'"', r"b\nc\td\'"),
        ('A="b\\\nc\nd"', "bc\nd"),
    ],
)
def test_dotenv__backslash__counts_as_in_a_shell(tmp_path: Path, line: str, value: str) -> None:
    """In python-dotenv it also counts within single quotes, and stands for other characters within double ones."""
    assert read(tmp_path, f"{line}\n") == {"A": value}
    shown = subprocess.run(["sh", "-c", f'{line}\nprintf %s "$A"'], capture_output=True, text=True, check=True)
    assert shown.stdout == value


@pytest.mark.parametrize(
    "line", ["export A=1 B=2", "A=hunter2 B=hunter2", "A=hunter2\texport B=hunter2", "A=hunter2, B=hunter2 # C"]
)
def test_dotenv__second_assignment_in_a_line__refused_by_name_without_showing_it(tmp_path: Path, line: str) -> None:
    with pytest.raises(EnvFileError, match=r"^\.env: line 2 is not NAME=value \(A: ") as refusal:
        read(tmp_path, f"C=1\n{line}\n")
    assert "hunter2" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("line", ["A=1 # B=2", "A='1 B=2'", "A=1, b==c", "A = b=c"])
def test_dotenv__no_second_assignment__taken(tmp_path: Path, line: str) -> None:
    assert [*read(tmp_path, f"{line}\n")] == ["A"]


@pytest.mark.parametrize("line", ["A= # not set yet", "A=   "])
def test_dotenv__nothing_but_a_comment__empty(tmp_path: Path, line: str) -> None:
    """As in a shell; python-dotenv takes the comment for the value."""
    assert read(tmp_path, f"{line}\nB=c\n") == {"A": "", "B": "c"}


def test_dotenv__comments_and_empty_lines__skipped(tmp_path: Path) -> None:
    assert read(tmp_path, "# A=1\n\n   \n  # B=2\nC=3\n#\n") == {"C": "3"}


def test_dotenv__no_file__nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_ENV_FILE", raising=False)
    environment.load_dotenv(tmp_path / ".env")


@pytest.mark.parametrize("content", [None, b"A=\xff"])
def test_dotenv__named_file_is_not_readable__said_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    named = tmp_path / "companion.env"
    if content:
        named.write_bytes(content)
    refused = dev("manage", "check", var=tmp_path / "var", COMPANION_ENV_FILE=str(named))
    reason = "not UTF-8" if content else "No such file or directory"
    assert refused.stderr == f"dev.py: COMPANION_ENV_FILE: {named} cannot be read ({reason})\n"
    assert refused.returncode == 1


@pytest.mark.parametrize("line", ["NONSENSE", "SOME WORDS=1", "=1", "1A=1", 'A="b', "A='b'c", "A=\"b'"])
def test_dotenv__malformed_line__numbered(tmp_path: Path, line: str) -> None:
    with pytest.raises(EnvFileError, match="line 2 is not NAME=value"):
        read(tmp_path, f"A=1\n{line}\n")


@pytest.mark.parametrize("line", ["SECRET KEY=hunter2", "hunter2", "my hunter2 line"])
def test_dotenv__malformed_line__not_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(EnvFileError) as refusal:
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


def test_dotenv__secret_in_a_file__for_dev_py_too(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://127.0.0.1:1/0\n")
    (tmp_path / ".env").write_text(f"REDIS_URL_FILE={tmp_path / 'url'}\nREDIS_URL=redis://127.0.0.1:2/0\n")
    refused = dev("manage", "check", var=tmp_path / "var", COMPANION_ENV_FILE=str(tmp_path / ".env"))
    assert refused.stderr == "dev.py: REDIS_URL, REDIS_URL_FILE: only one of them may be set\n"
    assert refused.returncode == 1


@pytest.mark.parametrize("exported", [{}, {"LOG_LEVEL": "ERROR"}])
def test_dotenv__manage_py__reads_the_same_file_and_the_environment_wins(
    tmp_path: Path, exported: dict[str, str]
) -> None:
    url = "postgresql://a:b@127.0.0.1:1/c"
    (tmp_path / ".env").write_text(
        f"export SECRET_KEY='{'abcdefghij' * 5}' # a comment\r\nDATABASE_URL={url}\r\nLOG_LEVEL=DEBUG\r\n"
    )
    env = {"PATH": os.environ["PATH"], "COMPANION_ENV_FILE": str(tmp_path / ".env")} | exported
    show = "from django.conf import settings; print(settings.LOG_LEVEL, len(settings.SECRET_KEY))"
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", show]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert ran.stdout == ("40 50\n" if exported else "10 50\n"), ran.stderr
