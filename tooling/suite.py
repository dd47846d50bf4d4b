"""dev.py test: the whole suite against throw-away servers."""

import subprocess

from tooling import environment, servers
from tooling.paths import ROOT


def test(arguments: list[str]) -> int:
    env = environment.read()
    python = servers.ensure_python(env, "requirements.txt", "requirements-test.txt")
    with servers.throw_away(env) as urls:
        return subprocess.run(
            [python, "-m", "pytest", *arguments], cwd=ROOT, env=environment.for_tests(env) | urls
        ).returncode
