"""The table of promises: what was measured against what was promised, printed at the end of the run."""

from collections.abc import Iterable
from typing import Any

PROPERTY = "promise"
Row = tuple[float, str, str, str, bool]  # number, promise, bar, measured, met
HEAD = ("", "promise", "bar", "measured", "met")


def rows(reports: Iterable[Any]) -> list[Row]:
    """Of all tests, those on other machines of pytest-xdist too; in number order, the failed ones included."""
    called = (report for report in reports if getattr(report, "when", None) == "call")
    return sorted(value for report in called for name, value in report.user_properties if name == PROPERTY)


def lines(rows: Iterable[Row]) -> list[str]:
    cells = [HEAD, *((f"{number:g}", what, bar, got, "yes" if met else "NO") for number, what, bar, got, met in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [" │ ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
