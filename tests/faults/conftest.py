"""Fixtures for whoever wants to break something: servers of one's own, processes of the service, the table of promises.

The quick form belongs to the suite. The long one is `dev.py test --faults`, or COMPANION_FAULTS=long.
"""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.faults import figures
from tests.faults.stage import Stage
from tests.faults.workers import Worker

LONG = os.environ.get("COMPANION_FAULTS") == "long"


class Figure(Protocol):
    def __call__(self, number: float, promise: str, bar: str, *, measured: str, met: bool, why: str = "") -> None: ...


class Workers(Protocol):
    def __call__(self, count: int, *, without: Sequence[str] = (), **environment: str) -> list[Worker]: ...


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """PostgreSQL and Redis for all tests of the session. Whoever harms them heals them: see `ills.ILLS`."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        running = Stage(Path(folder))
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def workers(stage: Stage) -> Iterator[Workers]:
    """`one, two = workers(2)`: processes that have read nothing yet; they end with the test.

    `without=["compare"]` switches a cure off in them; `workers(1, REDIS_ENABLED="false")` is a process with settings of
    its own, which takes a second to start.
    """
    started: list[Worker] = []

    def make(count: int, *, without: Sequence[str] = (), **environment: str) -> list[Worker]:
        made = [stage.worker(without=without, **environment) for _ in range(count)]
        started.extend(made)
        return made

    yield make
    for worker in started:
        worker.close()


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Names of personalities that no other test knows."""
    return lambda: f"f-{secrets.token_hex(5)}"


@pytest.fixture
def name(fresh: Callable[[], str]) -> str:
    return fresh()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Say what was measured for a promise: a line of the table, and the end of the test when it was not met.

    `figure(1, "notice after COMMIT, idle", "p99 <= 20 ms", measured="0.4 ms (1,000 writes)", met=True)`; `why` is
    evidence for the person who finds the test red.
    """

    def note(number: float, promise: str, bar: str, *, measured: str, met: bool, why: str = "") -> None:
        request.node.user_properties.append((figures.PROPERTY, (number, promise, bar, measured, met)))
        assert met, f"promise {number:g}, {promise}: {bar}; measured {measured}\n{why}"

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = (report for found in terminalreporter.stats.values() for report in found)
    if rows := figures.rows(reports):
        terminalreporter.section("promises")
        for line in figures.lines(rows):
            terminalreporter.write_line(line)
