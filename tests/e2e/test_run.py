"""What `dev.py run` prints is there, and works as printed."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from redis import Redis

from tests.e2e.conftest import Start
from tests.e2e.instance import Instance
from tooling.environment import ROOT


def shell(line: str) -> Any:
    """Run a printed line unchanged."""
    if not shutil.which("curl"):
        pytest.skip("curl is not on PATH")
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=10)
    return json.loads(ran.stdout)


def log_in(url: str, username: str, password: str) -> int:
    """Return the status of /admin/ after the login form was sent; 302 means back to the form."""
    with httpx.Client(base_url=url, trust_env=False) as browser:
        form = browser.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
        assert token
        login = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
        browser.post("/admin/login/", data=login)
        return browser.get("/admin/").status_code


def test_run__up__ready(instance: Instance) -> None:
    answer = httpx.get(f"{instance.url}/readyz", trust_env=False)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "postgresql": "ok", "redis": "ok", "changes": "followed"}


def test_run__up__one_block_with_everything(instance: Instance) -> None:
    lines = instance.printed.partition("Companion is running.")[2].splitlines()[1:]
    block = lines[: lines.index("Try:") + 4]
    assert [line.split()[0] for line in block] == [
        "Web",
        "Admin",
        "API",
        "Redis",
        "Chat",
        "Try:",
        "curl",
        "curl",
        "curl",
    ]
    assert instance.printed.count(instance.password) == 1
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", instance.url)
    assert re.fullmatch(r"redis://127\.0\.0\.1:\d+/0", instance.redis_url)


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/api/docs/"])
def test_run__printed_page__opens(instance: Instance, path: str) -> None:
    assert f"{instance.url}{path.replace('login/', '')}" in instance.printed
    answer = httpx.get(f"{instance.url}{path}", trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


def test_run__printed_curl_lines__work_as_printed(instance: Instance) -> None:
    read, read_id, patch = instance.curls
    instance.elara(traits={"humor_level": 3})
    before = shell(read)
    assert (before["personality_name"], before["traits"]["humor_level"]) == ("elara", 3)
    assert shell(read_id) == {"id": before["id"]}
    assert shell(patch)["traits"]["humor_level"] == 9
    assert shell(read)["traits"]["humor_level"] == 9


def test_run__printed_password__logs_in(instance: Instance) -> None:
    assert log_in(instance.url, "admin", instance.password) == 200


def test_run__other_password__does_not_log_in(instance: Instance) -> None:
    assert log_in(instance.url, "admin", f"{instance.password}x") == 302


@pytest.mark.parametrize("name", ["secrets.json", "demo.json", "run.json"])
def test_run__file_with_secrets__for_its_owner_only(instance: Instance, name: str) -> None:
    assert (instance.var / name).stat().st_mode & 0o777 == 0o600


def test_run__without_warning__servers_are_set_to_lose_nothing(instance: Instance) -> None:
    """A power cut cannot be tried here, but the servers can be asked what they would do."""
    with psycopg.connect(instance.database_url) as database:
        said = [database.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")]
    with Redis.from_url(instance.redis_url, decode_responses=True) as redis:
        assert redis.config_get("appendonly") == {"appendonly": "yes"}
    assert said == [("on",), ("on",)]


def test_run__var_dir_given__data_there_and_clone_unchanged(start: Start, idle_var: Path) -> None:
    before = git_status()
    running = start(idle_var)
    running.elara(greeting="Hm.")
    running.stop()
    assert {path.name for path in running.var.iterdir()} >= {"postgres", "redis", "secrets.json", "demo.json"}
    assert git_status() == before


def git_status() -> str:
    command = ["git", "--no-optional-locks", "status", "--porcelain"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
