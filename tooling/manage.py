"""dev.py manage: a management command in the environment of `run`, against its servers when it is up."""

from collections.abc import Iterator
from contextlib import contextmanager

from tooling import environment, lock, servers
from tooling.processes import foreground


def manage(arguments: list[str]) -> int:
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
