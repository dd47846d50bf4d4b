"""coherence by itself: the project of its README runs on what its pyproject.toml installs, and on nothing else."""

import ast
import os
import re
import shutil
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
from tooling import venv
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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which `pip install ./coherence` has put its packages, from a copy of the clone: building leaves
    files there. What they depend on is in the environment of the tests.
    """
    clone, target = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("installed")
    for package in ("coherence", "resilience"):
        shutil.copytree(ROOT / package, clone / package, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    alone = ["-q", "--no-deps", "--no-build-isolation", "--target", str(target), "./coherence"]
    done = subprocess.run([*venv.installer(Path(sys.prefix)), *alone], cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def place(tmp_path: Path, installed: Path) -> Path:
    """A folder with the project of the README."""
    blocks = [block.code for block in pages.blocks("python") if block.page == "coherence/README.md"]
    (tmp_path / "settings.py").write_text(SETTINGS + blocks[0])
    for code in blocks[1:]:
        if found := re.match(r"# (\S+\.py)\n", code):
            (tmp_path / found[1]).parent.mkdir(exist_ok=True)
            (tmp_path / found[1]).write_text(code)
    (tmp_path / "flags/__init__.py").touch()
    return tmp_path


@pytest.mark.django_db(transaction=True)
def test_coherence__alone_in_a_project__keeps_its_promise(place: Path, installed: Path) -> None:
    name = f"coherence_alone_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        env = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "REDIS_URL": os.environ["REDIS_URL"],
               "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1",
               "DJANGO_SETTINGS_MODULE": "settings"}  # fmt: skip
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_coherence__alone__installed_whole_and_as_it_is_called(installed: Path) -> None:
    files = {path.relative_to(ROOT) for path in production_files()}
    assert {path.relative_to(installed) for path in installed.rglob("*.py")} == files
    metadata = installed / f"companion_coherence-{__version__}.dist-info/METADATA"
    assert "Name: companion-coherence\n" in metadata.read_text()


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
