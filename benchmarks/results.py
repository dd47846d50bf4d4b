"""What a section of the run found out, in numbers that differ from round to round."""

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """The median of the rounds, and the quartiles: half of the rounds lie between `low` and `high`."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return median and quartiles of `values`."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}–{short(self.high)})"


def ratio(values: Sequence[float], to: Sequence[float]) -> Spread:
    """Return the spread of quotients, round by round: what disturbs a round disturbs both."""
    return Spread.of([value / other for value, other in zip(values, to, strict=True)])


def short(number: float) -> str:
    """Return a number with three digits and no exponent."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{float(f'{number:.2e}'):g}"


class Table(NamedTuple):
    """A table of a section; every cell is text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Bar(NamedTuple):
    """A goal and what came of it. A missed bar is shown like any other."""

    goal: str
    bar: str
    measured: str
    met: bool

    @classmethod
    def at_most(cls, goal: str, limit: float, of: str, measured: Spread) -> "Bar":
        """Return a bar that the median meets when it is at most `limit`; `of` is the unit."""
        return cls(goal, f"≤ {short(limit)} {of}", str(measured), measured.median <= limit)

    @classmethod
    def at_least(cls, goal: str, limit: float, of: str, measured: Spread) -> "Bar":
        """Return a bar that the median meets when it is at least `limit`; `of` is the unit."""
        return cls(goal, f"≥ {short(limit)} {of}", str(measured), measured.median >= limit)


class Section(NamedTuple):
    """`text` says what is compared with what; `figures` are the numbers behind the tables, for --json and plots."""

    title: str
    text: str
    tables: Sequence[Table]
    bars: Sequence[Bar]
    figures: dict[str, Any]
