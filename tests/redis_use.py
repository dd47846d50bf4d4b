"""Which tests may talk to Redis: recorded in one run, so that another run repeats only those against another server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis.asyncio.connection
import redis.connection

LEAST = 500  # fewer recorded tests than this mean that recording is broken


class RedisRecorder:
    """A plugin that appends to `file` the name of each test in which a command was sent or a process begun."""

    def __init__(self, file: Path) -> None:
        self._file, self._used = file, False
        for owner, method in (
            (redis.connection.AbstractConnection, "send_packed_command"),
            (redis.asyncio.connection.AbstractConnection, "send_packed_command"),
            (Popen, "__init__"),
            (os, "fork"),
        ):
            setattr(owner, method, self._noting(getattr(owner, method)))

    def _noting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            self._used = True
            return function(*args, **kwargs)

        return noting

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        """Begin to look."""
        self._used = False
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        """Record the test before its keys are deleted, which is a use of Redis by every test."""
        if self._used:
            with self._file.open("a") as file:
                file.write(f"{item.nodeid}\n")
        return (yield)


def keep_recorded(file: Path, items: list[pytest.Item]) -> list[pytest.Item]:
    """Return those of `items` that were recorded in `file`; raise pytest.UsageError if these are too few to be true."""
    recorded = set(file.read_text().splitlines())
    kept = [item for item in items if item.nodeid in recorded]
    if len(recorded) < LEAST:
        raise pytest.UsageError(f"{file} names {len(recorded)} tests, which cannot be all that use Redis")
    return kept
