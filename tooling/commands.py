"""The commands of dev.py by name. Those of a few lines are here; `run`, `test` and `check` have a module each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tooling import environment, lock, servers
from tooling.check import check
from tooling.docs import docs
from tooling.processes import foreground
from tooling.run import run
from tooling.suite import test


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
        with lock.owning_var() as held, servers.kept(env, [held]) as started:
            yield started


BY_NAME: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "test": test,
    "check": check,
    "bench": bench,
    "docs": docs,
    "manage": manage,
}
