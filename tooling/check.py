"""dev.py check: everything that can be verified without running the suite. Runs all of it, then reports what failed.

--mutants measures the tests of the core instead: see mutants.py.
"""

import secrets
import subprocess
from pathlib import Path

from tooling import Refusal, environment, servers
from tooling.environment import ROOT
from tooling.figures import figures
from tooling.mutants import mutants

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
    """Run every check, or those named in `arguments`; return how many failed. Raises Refusal for an unknown name.

    With --figures, print the figures of the code instead; with --mutants, test the tests.
    """
    if arguments == ["--figures"]:
        return figures()
    if "--mutants" in arguments:
        return mutants([argument for argument in arguments if argument != "--mutants"])
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
    """Production settings are the default, so only what is required is set."""
    required = {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "companion.example"}
    return environment.for_tests(env) | required | {"HTTPS_ONLY": "true"}
