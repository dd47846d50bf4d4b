"""Fixtures for tests that break something: servers and worker processes of their own, and the table of promises.

The quick form belongs to the suite. The long one is `dev.py test --faults`, or COMPANION_FAULTS=long.
"""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.chat_service import ChatService, chat_service
from tests.faults.environment import Environment
from tests.faults.workers import Worker

LONG = os.environ.get("COMPANION_FAULTS") == "long"
PROPERTY = "promise"
HEAD = ("", "promise", "bar", "measured", "met")
Row = tuple[float, str, str, str, bool]  # number, promise, bar, measured, met


class Figure(Protocol):
    """See the fixture `figure`."""

    def __call__(self, number: float, promise: str, bar: str, *, measured: str, met: bool, why: str = "") -> None: ...


class Workers(Protocol):
    """See the fixture `workers`."""

    def __call__(self, count: int, *, without: Sequence[str] = (), **settings: str) -> list[Worker]: ...


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """PostgreSQL and Redis for all tests of the session. A test that harms them heals them: see redis_faults.py."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        running = Environment(Path(folder))
        try:
            yield running
        finally:
            running.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatService]:
    """A chat service with its default deadlines, for all tests of the session."""
    with chat_service(tmp_path_factory.mktemp("chat")) as running:
        yield running


@pytest.fixture
def workers(environment: Environment) -> Iterator[Workers]:
    """`one, two = workers(2)`: processes that have read nothing yet; they end with the test.

    `without=["compare"]` switches a cure off in them; `workers(1, REDIS_ENABLED="false")` has settings of its own.
    """
    with environment.workers() as new:
        yield lambda count, *, without=(), **settings: [new(without=without, **settings) for _ in range(count)]


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Return names of personalities that no other test knows."""
    return lambda: f"f-{secrets.token_hex(5)}"


@pytest.fixture
def name(fresh: Callable[[], str]) -> str:
    """Return one name that no other test knows."""
    return fresh()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Record what was measured for a promise: a line of the table, and the end of the test when it was not met.

    `figure(1, "notice after COMMIT, idle", "p99 <= 20 ms", measured="0.4 ms (1,000 writes)", met=True)`; `why` is
    evidence for the person who finds the test red.
    """

    def record(number: float, promise: str, bar: str, *, measured: str, met: bool, why: str = "") -> None:
        request.node.user_properties.append((PROPERTY, (number, promise, bar, measured, met)))
        assert met, f"promise {number:g}, {promise}: {bar}; measured {measured}\n{why}"

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of promises at the end of the run."""
    if rows := _rows(report for found in terminalreporter.stats.values() for report in found):
        terminalreporter.section("promises")
        for line in _lines(rows):
            terminalreporter.write_line(line)


def _rows(reports: Iterable[object]) -> list[Row]:
    """Those of all tests, in number order, the failed ones and other processes of pytest-xdist included."""
    called = (report for report in reports if isinstance(report, pytest.TestReport) and report.when == "call")
    return sorted(value for report in called for name, value in report.user_properties if name == PROPERTY)  # type: ignore[misc]


def _lines(rows: Iterable[Row]) -> list[str]:
    cells = [HEAD, *((f"{number:g}", what, bar, got, "yes" if met else "NO") for number, what, bar, got, met in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [" │ ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
