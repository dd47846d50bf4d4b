"""`dev.py manage` works where `run` works: on its servers while it is up, on its data when it is not."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.instance import CONNECT, Instance, dev, is_free
from tooling import lock
from tooling.processes import free_port
from tooling.run import without_password

WHERE = "from django.db import connection as c; print(c.settings_dict['NAME'], c.settings_dict['PORT'])"
SEVEN = "raise SystemExit(7)"


def shell(code: str, var: Path) -> "subprocess.CompletedProcess[str]":
    return dev("manage", "shell", "-v", "0", "-c", code, var=var)


def test_manage__run_is_up__shows_its_keys(instance: Instance) -> None:
    instance.elara()
    shown = dev("manage", "show_personality_cache", "--json", var=instance.var)
    assert shown.returncode == 0, shown.stderr
    keys = {entry["key"] for entry in json.loads(shown.stdout)["keys"]}
    assert keys >= {"personality:global:elara:id", "personality:global:elara:config"}


def test_manage__run_is_up__on_its_database_which_stays_up(instance: Instance) -> None:
    database = urlsplit(instance.database_url)
    ran = shell(WHERE, instance.var)
    assert ran.stdout.split() == [database.path.strip("/"), str(database.port)], ran.stderr
    assert instance.is_ready()


def test_manage__nothing_is_up__servers_for_the_command_and_its_code_passed_on(idle_var: Path) -> None:
    ran = shell(f"{CONNECT}; {SEVEN}", idle_var)
    assert (ran.stdout, ran.returncode) == ("connected\n", 7), ran.stderr
    assert (idle_var / "postgres" / "data").exists()
    assert is_free(idle_var)


def test_manage__command_fails__its_code_and_its_words(instance: Instance) -> None:
    failed = dev("manage", "warm_personality_cache", "nobody-of-that-name", var=instance.var)
    assert failed.returncode == 1
    assert failed.stderr.startswith("CommandError: ")
    assert "nobody-of-that-name" in failed.stderr


def test_manage__one_url_given_while_run_is_up__that_server_is_used(instance: Instance) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    refused = dev("manage", "show_personality_cache", var=instance.var, REDIS_URL=nowhere)
    assert refused.returncode == 1
    assert "did not answer" in refused.stderr


def test_owner_of_var__killed_and_not_yet_buried__is_not_alive() -> None:
    child = subprocess.Popen(["sleep", "60"])
    assert lock.is_alive(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and lies there
    assert not lock.is_alive(child.pid)
    child.wait()
    assert not lock.is_alive(child.pid)


@pytest.mark.parametrize("url", ["redis://:hidden@host:1/0", "redis://host:1/0?password=hidden"])
def test_banner__redis_url_with_a_password__shown_without(url: str) -> None:
    assert without_password(url) == "redis://host:1/0"
