"""coherence by itself: the project of its README runs on what its pyproject.toml would install, and on nothing else."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from companion import __version__
from tests.e2e import pages
from tooling.environment import ROOT

PROJECT = tomllib.loads((ROOT / "coherence/pyproject.toml").read_text())
SETTINGS = """
import os

import dj_database_url

from resilience.database_pool import PooledConnection

DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
REDIS_URL = os.environ["REDIS_URL"]
"""
SCRIPT = """
import django

django.setup()
from django.core.management import call_command
from django.db import connection

call_command("makemigrations", "flags", verbosity=0)
call_command("migrate", verbosity=0)

from flags.cache import copies, flags
from flags.models import Flag

Flag.objects.create(id=7)
for expected in ("database", "near"):
    answer = flags.get(7)
    assert (answer.value.is_on, answer.source) == (False, expected), answer
flags.clear_memory()
assert flags.get(7).source == "redis"
with connection.cursor() as cursor:
    cursor.execute("UPDATE flags_flag SET is_on = true")
flags.invalidate([8])  # another key, so that this process reads the log at once
answer = flags.get(7)
assert (answer.value.is_on, answer.source) == (True, "database"), answer
Flag.objects.get(id=7).delete()
assert flags.get(7).value is None
copies.delete_or_raise([[7]])
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the packages that would be installed, and the project of the README."""
    for name, folder in PROJECT["tool"]["setuptools"]["package-dir"].items():
        (tmp_path / name).symlink_to((ROOT / "coherence" / folder).resolve())
    blocks = [block.code for block in pages.blocks("python") if block.page == "coherence/README.md"]
    (tmp_path / "settings.py").write_text(SETTINGS + blocks[0])
    for code in blocks[1:]:
        if found := re.match(r"# (\S+\.py)\n", code):
            (tmp_path / found[1]).parent.mkdir(exist_ok=True)
            (tmp_path / found[1]).write_text(code)
    (tmp_path / "flags/__init__.py").touch()
    return tmp_path


@pytest.mark.django_db(transaction=True)
def test_coherence__alone_in_a_project__keeps_its_promise(place: Path) -> None:
    name = f"coherence_alone_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        env = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "REDIS_URL": os.environ["REDIS_URL"],
               "DJANGO_SETTINGS_MODULE": "settings", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_coherence__alone__has_the_version_of_the_service() -> None:
    assert PROJECT["project"]["version"] == __version__


def test_coherence__alone__installs_every_package_of_both() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in production_files()}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == {folder.replace("/", ".") for folder in folders}


def test_coherence__alone__names_what_it_imports() -> None:
    """Every distribution that the two packages import is one of the dependencies."""
    named = {re.split(r"[>\[]", each)[0].removeprefix("django-") for each in PROJECT["project"]["dependencies"]}
    ours = {name.replace("-", "_") for name in named} | {"django_redis", "psycopg_pool", "coherence", "resilience"}
    imported = {name for path in production_files() for name in imports(path)}
    assert imported - ours - sys.stdlib_module_names == set()


def production_files() -> Iterator[Path]:
    for package in ("coherence", "resilience"):
        yield from (path for path in (ROOT / package).rglob("*.py") if "tests" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
