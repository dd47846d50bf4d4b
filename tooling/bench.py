"""dev.py bench: side-by-side measurements against peers, on servers of their own whatever the environment names."""

from tooling import environment, servers
from tooling.processes import foreground


def bench(arguments: list[str]) -> int:
    # Databases are made and filled by the million: not on a server that holds somebody's data.
    env = {name: value for name, value in environment.read().items() if name not in servers.URLS}
    python = servers.ensure_python(env, "requirements.txt", "requirements/bench.txt")
    with servers.throw_away(env) as urls:
        return foreground([python, "-m", "benchmarks", *arguments], environment.for_tests(env) | urls)
