"""Linters find nothing wrong with the document, and clients that are generated from it work: they list, read, patch,
chat and stream against the running service, and a wrong body does not compile.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.instance import Instance
from tooling import node

HERE = Path(__file__).parent
PROGRAMS = Path(sys.executable).parent
pytestmark = pytest.mark.timeout(300)


def run(*command: str, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a program that is expected to succeed; return what it printed."""
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-10_000:]
    return done.stdout


@pytest.fixture
def typescript(document: Path, tmp_path: Path) -> Path:
    """The folder of TypeScript with the document beside its programs."""
    place = node.workspace(HERE / "typescript", tmp_path / "typescript")
    shutil.copy(document, place)
    return place


def check(found: Mapping[str, Any], instance: Instance, client: str) -> None:
    """What each of the programs prints."""
    assert {"elara", "nova"} <= set(found["names"])
    assert found["read"] == instance.elara()["traits"]["humor_level"]
    assert found["patched"] == instance.elara()["greeting"] == f"Patched by {client}."
    assert found["outdated"] == 412
    assert "Elara" in found["said"]  # whoever stands in for a language model says what one would be told
    assert found["streamed"] == found["said"] == found["responded"]
    assert found["refused"] == "model_not_found"


def test_document__linted__nothing_to_say(typescript: Path) -> None:
    env = node.environment(typescript)
    spectral = run("spectral", "lint", "openapi.json", "--fail-severity=hint", cwd=typescript, env=env)
    assert "No results with a severity of 'hint' or higher found!" in spectral
    redocly = run("redocly", "lint", "openapi.json", cwd=typescript, env=env | {"REDOCLY_TELEMETRY": "off"})
    assert "Your API description is valid." in redocly
    assert "warning" not in redocly
    assert "OK" in run(str(PROGRAMS / "openapi-spec-validator"), "openapi.json", cwd=typescript, env=env)


def test_typescript__generated__clients_work_and_wrong_bodies_do_not_compile(
    instance: Instance, typescript: Path, access: dict[str, str]
) -> None:
    env = node.environment(typescript) | access
    run("openapi-typescript", "openapi.json", "-o", "openapi_typescript/schema.d.ts", cwd=typescript, env=env)
    run("openapi-ts", "-i", "openapi.json", "-o", "hey_api", "--no-log-file", cwd=typescript, env=env)
    run("tsc", cwd=typescript, env=env)
    for program, client in (("with_openapi_fetch", "openapi-fetch"), ("with_hey_api", "hey-api")):
        check(json.loads(run("node", f"compiled/{program}.js", cwd=typescript, env=env)), instance, client)


def test_python__generated__client_works_and_wrong_bodies_are_errors_of_mypy(
    instance: Instance, document: Path, tmp_path: Path, access: dict[str, str]
) -> None:
    place = tmp_path / "python"
    shutil.copytree(HERE / "python", place)
    env = os.environ | access | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    made = run("openapi-python-client", "generate", "--path", str(document), "--meta", "none",
               "--output-path", "companion_client", "--fail-on-warning", cwd=place, env=env)  # fmt: skip
    assert "warning" not in made.lower()
    run("mypy", "--config-file", "mypy.ini", "with_openapi_python_client.py", "wrong.py", cwd=place, env=env)
    printed = run(sys.executable, "with_openapi_python_client.py", cwd=place, env=env)
    check(json.loads(printed), instance, "openapi-python-client")
