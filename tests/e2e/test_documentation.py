"""Every command of the README and of docs/ is run as it stands there, in its order, against a fresh instance."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e import pages
from tests.e2e.instance import DEV, Instance, environment
from tooling import postgres
from tooling.environment import ROOT

pytestmark = pytest.mark.timeout(300)  # some 35 s on an idle machine: twenty commands, each a start of Django
ELSEWHERE = {"python3 dev.py run", "python3 dev.py test"}  # the other tests here; the suite itself
MARK = "\x1e"
# What a reader of the pages about Django code has at hand, in a `manage shell`.
PRELUDE = """
from django.contrib.auth.models import User
from conversations.models import Conversation
user = User.objects.get(username="my-app")
conversation = Conversation.objects.filter(owner=user).first()
"""
GREETING = "SELECT greeting FROM personalities_personality WHERE personality_name = 'elara'"
Outputs = dict[str, str]


def commands() -> list[str]:
    """Each once: a command that another page repeats was run already."""
    lines = dict.fromkeys(line for _, line in pages.commands())
    return [line for line in lines if line not in ELSEWHERE]


def openai_program() -> str:
    (program,) = (block.code for block in pages.blocks("python") if "from openai" in block.code)
    return program


def django_code() -> str:
    """Of all pages but the one about coherence by itself, which has a test of its own."""
    codes = [block.code for block in pages.blocks("python") if not block.page.startswith("coherence/")]
    return "".join(code for code in codes if "from openai" not in code)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("documentation") / "var").wait_for_block()
    yield instance
    instance.stop()


@pytest.fixture(scope="module")
def outputs(fresh: Instance) -> Outputs:
    """What each command printed."""
    return run_all(fresh.var.parent, fresh.url, urlsplit(fresh.redis_url).port or 0)


def run_all(folder: Path, url: str, redis_port: int) -> Outputs:
    """One shell, as a reader has, so that KEY stays. Where the README says so, the port is added."""
    (folder / "code.py").write_text(PRELUDE + django_code())
    code = f'python3 dev.py manage shell -v 0 -c "$(cat {folder / "code.py"})"'
    lines = [*commands(), code]
    script = "".join(f"{command}\nprintf '{MARK}'\n" for command in lines)
    script += f"{sys.executable} - <<'END'\n{openai_program()}END\n"
    for text, here in (
        ("http://127.0.0.1:8000", url),
        ("redis-cli ", f"redis-cli -p {redis_port} "),
        ("python3 dev.py", " ".join(DEV)),
        ("curl ", "curl -sS "),
        ("/tmp/personalities", str(folder / "personalities")),
    ):
        script = script.replace(text, here)
    env = environment(folder / "var", PATH=f"{os.environ['PATH']}:{stand_in(folder)}", COLUMNS="200")
    done = subprocess.run(["sh", "-e", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    printed = done.stdout.split(MARK)
    assert done.returncode == 0, f"{lines[len(printed) - 1]}\n{printed[-1]}\n{done.stderr}"
    return dict(zip([*lines, openai_program()], printed, strict=True))


def stand_in(folder: Path) -> Path:
    """A folder, last on PATH, with a redis-cli for machines that have none."""
    script = folder / "bin" / "redis-cli"
    script.parent.mkdir()
    source = Path(__file__).with_name("redis_cli.py").read_text()
    script.write_text(source.replace("#!/usr/bin/env python3", f"#!{sys.executable}"))
    script.chmod(0o755)
    return script.parent


def test_documentation__commands__all_ran(outputs: Outputs) -> None:
    assert len(outputs) == len(commands()) + 2 >= 40


def test_documentation__block_that_is_not_run__says_why() -> None:
    reasons = [block.reason for block in pages.blocks("sh", "python") if block.reason]
    assert len(reasons) <= 8
    assert all(len(reason) > 10 for reason in reasons)


def test_documentation__block__has_a_language() -> None:
    """Or else nobody would know whether it is to be run."""
    assert [block.page for block in pages.blocks("")] == []


def test_documentation__openai__six_lines_and_she_answers(outputs: Outputs) -> None:
    assert "Your name is Elara." in outputs[openai_program()]
    assert len(openai_program().splitlines()) + 1 == 6  # with the two variables


def test_documentation__curl__never_an_error(outputs: Outputs) -> None:
    no_json = ("curl -i ", "/metrics")
    answers = {command: output for command, output in outputs.items() if command.startswith("curl")}
    answers = {command: output for command, output in answers.items() if not any(text in command for text in no_json)}
    assert len(answers) >= 20
    for command, output in answers.items():
        assert output.startswith("{"), command
        assert '"errors"' not in output, command
        assert '"detail"' not in output, command
        assert '"error"' not in output.replace('"error":null', ""), command


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
def test_documentation__command__does_what_it_says(outputs: Outputs, command: str, expected: str) -> None:
    printed = [output for line, output in outputs.items() if line.startswith(command)]
    assert printed
    assert expected in printed[0]


def test_documentation__ttl__a_day(outputs: Outputs) -> None:
    (ttl,) = [output for command, output in outputs.items() if command.startswith("redis-cli TTL")]
    assert 86000 < int(ttl) <= 86400


def test_documentation__backup_and_restore__ends_with_the_same_personalities(fresh: Instance, tmp_path: Path) -> None:
    folder = postgres.find()
    if not (folder / "pg_dump").exists():
        pytest.skip("there is no pg_dump beside the server")
    fresh.elara(greeting="Kept.")
    script = "".join(block.code for block in pages.blocks("sh") if "test_backup" in block.reason)
    script = script.replace("/tmp/companion.dump", str(tmp_path / "companion.dump"))
    script = script.replace("python manage.py", f"{sys.executable} manage.py")
    script += f'psql -At "$DATABASE_URL" -c "{GREETING}"\n'
    env = environment(
        None, PATH=f"{folder}:{os.environ['PATH']}", SECRET_KEY="abcdefghij" * 5, REDIS_URL=fresh.redis_url
    )
    restored = urlsplit(fresh.database_url)._replace(path="/restored").geturl()
    env |= {"DATABASE_URL": fresh.database_url, "RESTORED_DATABASE_URL": restored}
    done = subprocess.run(["sh", "-e", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Kept."
