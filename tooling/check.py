"""dev.py check: everything a machine can judge without running the suite. Runs all of it, then says what failed."""

import secrets
import subprocess
from pathlib import Path

from tooling import environment, servers
from tooling.errors import Refusal
from tooling.paths import ROOT

MANAGE = ("manage.py",)
CHECKS: dict[str, tuple[str, ...]] = {
    "ruff": ("-m", "ruff", "check", "."),
    "format": ("-m", "ruff", "format", "--check", "."),
    "mypy": ("-m", "mypy", "."),
    "imports": ("-c", "from importlinter.cli import lint_imports_command as lint; lint()"),
    "migrations": (*MANAGE, "makemigrations", "--check", "--dry-run"),
    "deployment": (*MANAGE, "check", "--deploy", "--fail-level", "WARNING"),
}


def check(arguments: list[str]) -> int:
    """Run every check, or those named in `arguments`."""
    if unknown := set(arguments) - CHECKS.keys():
        raise Refusal(f"check: not known: {', '.join(sorted(unknown))}; known: {', '.join(CHECKS)}")
    env = environment.read()
    python = servers.ensure_python(env, "requirements.txt", "requirements/test.txt", "requirements/check.txt")
    with servers.throw_away(env) as urls:
        failed = [name for name in arguments or CHECKS if not _passes(name, python, env | urls)]
    print(f"check: {', '.join(failed)} failed" if failed else "check: all passed")
    return len(failed)


def _passes(name: str, python: Path, env: dict[str, str]) -> bool:
    print(f"── {name}", flush=True)
    return subprocess.run([python, *CHECKS[name]], cwd=ROOT, env=_production(env)).returncode == 0


def _production(env: dict[str, str]) -> dict[str, str]:
    """Production is what the settings are when nobody asks for anything else."""
    required = {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "companion.example"}
    return environment.for_tests(env) | required | {"HTTPS_ONLY": "true"}
