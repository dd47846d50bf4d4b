"""Running instances: one that all tests of a session read from, and as many others as a test starts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.instance import Instance

Start = Callable[..., Instance]


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running instance; tests leave it as they find it. Its folder is where an unprivileged user cannot go.

    All tests chat with one key: on a busy machine, where Redis may be late, a part of the usual rate would not do.
    """
    outer = tmp_path_factory.mktemp("outer")
    (outer / "inner").mkdir()
    outer.chmod(0o700)
    (outer / "inner").chmod(0o700)
    running = Instance(outer / "inner" / "var", extra={"CHAT_RATE": "100000/second"})
    try:
        yield running.wait_for_block()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def idle_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on which nothing runs. Tests must cope with what the one before left there, as people must."""
    return tmp_path_factory.mktemp("idle") / "var"


@pytest.fixture
def launch() -> Iterator[Start]:
    """Start an instance without waiting for it; all end with the test."""
    with ExitStack() as stack:

        def make(var: Path, **options: Any) -> Instance:
            running = Instance(var, **options)
            stack.callback(running.stop)
            return running

        yield make


@pytest.fixture
def start(launch: Start) -> Start:
    """Start an instance and wait for its block."""
    return lambda var, **options: launch(var, **options).wait_for_block()
