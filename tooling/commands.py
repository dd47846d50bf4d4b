"""The commands of dev.py by name. Those of a few lines are here; `run`, `test` and `check` have a module each."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tooling import environment, lock, servers, venv
from tooling.check import check
from tooling.environment import ROOT, var_dir
from tooling.processes import foreground
from tooling.run import run
from tooling.suite import test

# Staged as they lie in the repository, so that the links between them are the same here and there.
STAGED = (
    ":(glob)*.md",
    "LICENSE",
    ".env.example",
    "docs/*",
    "deploy/*",
    "coherence/README.md",
    "companion/static/favicon.svg",
)


def bench(arguments: list[str]) -> int:
    """Measure side by side with peers, on throw-away servers whatever the environment names.

    The benchmarks create databases and fill them by the million, which nobody's own server should have to bear.
    """
    env = {name: value for name, value in environment.read().items() if name not in servers.URLS}
    python = servers.ensure_python(env, "requirements.txt", "requirements/bench.txt")
    with servers.throw_away(env) as urls:
        return foreground([python, "-m", "benchmarks", *arguments], environment.for_tests(env) | urls)


def manage(arguments: list[str]) -> int:
    """Run a management command in the environment of `run`, against its servers when it is up."""
    env = environment.read()
    python = servers.ensure_python(env, "requirements.txt")
    with _urls(env) as urls:
        settings = environment.for_development(env) | urls
        return foreground([python, "manage.py", *arguments], settings)


@contextmanager
def _urls(env: dict[str, str]) -> Iterator[dict[str, str]]:
    if servers.all_given(env):
        yield {}
    elif urls := lock.running().get("urls"):
        yield urls | servers.given(env)
    else:
        with lock.owning_var() as held, servers.persistent(env, [held]) as started:
            yield started


def docs(arguments: list[str]) -> int:
    """Build README and docs/ in `var/docs/site`, as a site that can be read from disk; return the exit code.

    `arguments` go to zensical's `build`, which any warning fails.
    """
    python = venv.ensure("requirements/docs.txt")
    place = var_dir() / "docs"
    shutil.rmtree(place, ignore_errors=True)
    _stage(_listed(), place / "source")
    shutil.copy(ROOT / "docs/site/zensical.toml", place)
    command = [str(python), "-m", "zensical", "build", "--strict", *arguments]
    code = subprocess.run(command, cwd=place, env=environment.read()).returncode
    if code == 0:
        shutil.copy(ROOT / ".env.example", place / "site")  # which zensical leaves out, as it does all hidden files
    print(f"docs: {'failed' if code else place / 'site' / 'index.html'}")
    return code


def _listed() -> list[str]:
    """The staged files that Git tracks or would track. Nothing else that happens to lie there is published."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *STAGED]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def _stage(names: Iterable[str], place: Path) -> None:
    """Copy the files to the same paths below `place`."""
    for name in names:
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / name)


BY_NAME: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "test": test,
    "check": check,
    "bench": bench,
    "docs": docs,
    "manage": manage,
}
