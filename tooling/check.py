"""dev.py check: everything that can be verified without running the suite. Runs all of it, then reports what failed.

--mutants measures the tests of the core instead: see mutants.py.
"""

import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tooling import Refusal, environment, servers, venv
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
SERVED = {"migrations", "deployment"}  # Django's own may ask the servers, which take seconds to start
NOWHERE = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}


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
    env, names = environment.read(), arguments or [*CHECKS]
    wheels = [] if SERVED.isdisjoint(names) else servers.requirements(env)
    python = venv.ensure("requirements.txt", "requirements/test.txt", "requirements/check.txt", *wheels)
    with _urls(env, names) as urls:
        failed = [name for name in names if not _passes(name, python, env | urls)]
    print(f"check: {', '.join(failed)} failed" if failed else "check: all passed")
    return len(failed)


@contextmanager
def _urls(env: dict[str, str], names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Of servers if one of these checks needs them. The settings, which mypy reads, want URLs in any case."""
    if SERVED.isdisjoint(names):
        yield NOWHERE | servers.given(env)
    else:
        with servers.throw_away(env) as urls:
            yield urls


def _passes(name: str, python: Path, env: dict[str, str]) -> bool:
    print(f"── {name}", flush=True)
    return subprocess.run([python, *CHECKS[name]], cwd=ROOT, env=_production(env)).returncode == 0


def _production(env: dict[str, str]) -> dict[str, str]:
    """Production settings are the default, so only what is required is set."""
    required = {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "companion.example"}
    return environment.for_tests(env) | required | {"HTTPS_ONLY": "true"}
