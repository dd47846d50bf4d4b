"""The verbs of dev.py, by name."""

from collections.abc import Callable

from tooling.bench import bench
from tooling.check import check
from tooling.manage import manage
from tooling.run import run
from tooling.suite import test

BY_NAME: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "test": test,
    "check": check,
    "bench": bench,
    "manage": manage,
}
