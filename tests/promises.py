"""A pytest plugin: the fixture `figure`, and the table of promises at the end of the run."""

import re
from collections.abc import Iterable
from typing import Protocol

import pytest

PROPERTY = "promise"
HEAD = ("", "promise", "bar", "before", "measured", "met")
Row = tuple[str, str, str, str, str, bool]  # place, promise, bar, before, measured, met


class Figure(Protocol):
    """See the fixture `figure`."""

    def __call__(
        self, place: float | str, promise: str, bar: str, *, measured: str, met: bool, before: str = "", why: str = ""
    ) -> None: ...


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Record what was measured for a promise: a line of the table, and the end of the test when it was not met.

    `figure(1, "notice after COMMIT, idle", "p99 <= 20 ms", measured="0.4 ms (1,000 writes)", met=True)`. `before` is
    what was measured without the safeguard, and `why` is evidence for the person who finds the test red.
    """

    def record(
        place: float | str, promise: str, bar: str, *, measured: str, met: bool, before: str = "", why: str = ""
    ) -> None:
        name = place if isinstance(place, str) else f"{place:g}"
        request.node.user_properties.append((PROPERTY, (name, promise, bar, before, measured, met)))
        assert met, f"promise {name}, {promise}: {bar}; measured {measured}\n{why}"

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of promises."""
    if rows := _rows(report for found in terminalreporter.stats.values() for report in found):
        terminalreporter.section("promises")
        for line in _lines(rows):
            terminalreporter.write_line(line)


def _rows(reports: Iterable[object]) -> list[Row]:
    """Those of all tests in order of their places, the failed ones and other processes of pytest-xdist included."""
    called = (report for report in reports if isinstance(report, pytest.TestReport) and report.when == "call")
    found: list[Row] = [value for report in called for name, value in report.user_properties if name == PROPERTY]  # type: ignore[misc]
    return sorted(found, key=lambda row: (_parts(row[0]), row))


def _parts(place: str) -> list[tuple[str, float]]:
    """What `place` is sorted by: 2 before 10, 8 before 8.1, A2 before A10 before B1."""
    return [(letters, float(number)) for letters, number in re.findall(r"([^\d.]*)(\d+(?:\.\d+)?)", place)]


def _lines(rows: Iterable[Row]) -> list[str]:
    cells = [HEAD, *((*texts, "yes" if met else "NO") for *texts, met in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [" │ ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
