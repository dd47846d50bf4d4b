"""Every command of the README is run as it stands there, in its order, against a fresh instance."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.instance import DEV, Instance, environment
from tooling.environment import ROOT

ELSEWHERE = {"python3 dev.py run", "python3 dev.py test"}  # the other tests here; the suite itself
MARK = "\x1e"


def commands() -> list[str]:
    """The commands of all shell blocks; a line that ends in a backslash goes on."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line not in ELSEWHERE]


def openai_program() -> str:
    (block,) = re.findall(
        r"^```python\n(from openai .*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return str(block)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command printed."""
    folder = tmp_path_factory.mktemp("readme")
    instance = Instance(folder / "var").wait_for_block()
    try:
        return run_all(folder, instance.url, urlsplit(instance.redis_url).port or 0)
    finally:
        instance.stop()


def run_all(folder: Path, url: str, redis_port: int) -> dict[str, str]:
    """One shell, as a reader has, so that KEY stays. Where the README says so, the port is added."""
    script = "".join(f"{command}\nprintf '{MARK}'\n" for command in commands())
    script += f"{sys.executable} - <<'END'\n{openai_program()}END\n"
    for text, here in (
        ("http://127.0.0.1:8000", url),
        ("redis-cli ", f"redis-cli -p {redis_port} "),
        ("python3 dev.py", " ".join(DEV)),
        ("curl ", "curl -sS "),
    ):
        script = script.replace(text, here)
    env = environment(folder / "var", PATH=f"{os.environ['PATH']}:{stand_in(folder)}", COLUMNS="200")
    done = subprocess.run(["sh", "-e", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(zip([*commands(), openai_program()], done.stdout.split(MARK), strict=True))


def stand_in(folder: Path) -> Path:
    """A folder, last on PATH, with a redis-cli for machines that have none."""
    script = folder / "bin" / "redis-cli"
    script.parent.mkdir()
    source = Path(__file__).with_name("redis_cli.py").read_text()
    script.write_text(source.replace("#!/usr/bin/env python3", f"#!{sys.executable}"))
    script.chmod(0o755)
    return script.parent


def test_readme__commands__all_ran(outputs: dict[str, str]) -> None:
    assert len(outputs) == len(commands()) + 1 >= 20


def test_readme__openai__six_lines_and_she_answers(outputs: dict[str, str]) -> None:
    assert "Your name is Elara." in outputs[openai_program()]
    assert len(openai_program().splitlines()) + 1 == 6  # with the two variables


def test_readme__curl__never_an_error(outputs: dict[str, str]) -> None:
    no_json = ("curl -i ", "/metrics")
    answers = {command: output for command, output in outputs.items() if command.startswith("curl")}
    answers = {command: output for command, output in answers.items() if not any(text in command for text in no_json)}
    assert len(answers) >= 8
    for command, output in answers.items():
        assert output.startswith("{"), command
        assert '"errors"' not in output, command
        assert '"detail"' not in output, command


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("redis-cli KEYS", "personality:global:elara:config"),
        ("redis-cli KEYS", "personality:global:elara:id"),
        ("redis-cli GET personality:global:elara:id", '"'),
        ("redis-cli GET personality:global:elara:config", '"personality_name": "elara"'),
        ("redis-cli DEL", "2"),
        ("python3 dev.py manage show_personality_cache elara", "personality:global:elara:id"),
        ("python3 dev.py manage clear_personality_cache elara", "0 keys deleted."),
        ("python3 dev.py manage warm_personality_cache", "9 personalities warmed."),
        ("python3 dev.py manage show_personality_cache --json", '"key": "personality:global:nova:config"'),
        ("redis-cli INFO stats", "keyspace_hits"),
        ("python3 dev.py manage audit_personality_cache", "0 wrong."),
        ("redis-cli KEYS 'prefs:*'", "prefs:"),
        ("python3 dev.py manage audit_preferences_cache", "1 copies compared with their rows: 1 sound,"),
        ("python3 dev.py manage clear_preferences_cache", "1 keys deleted."),
        ("curl -i", 'server-timing: lookup;desc="'),
        ('curl -H "Authorization: Bearer $KEY" http://127.0.0.1:8000/metrics', "companion_lookups_total"),
    ],
)
def test_readme__command__does_what_it_says(outputs: dict[str, str], command: str, expected: str) -> None:
    printed = [output for line, output in outputs.items() if line.startswith(command)]
    assert printed
    assert expected in printed[0]


def test_readme__ttl__a_day(outputs: dict[str, str]) -> None:
    (ttl,) = [output for command, output in outputs.items() if command.startswith("redis-cli TTL")]
    assert 86000 < int(ttl) <= 86400


def test_readme__files_it_names__exist() -> None:
    text = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links
    assert all((ROOT / link).exists() for link in links)
