"""Numbers that differ from round to round."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of the rounds, and the quartiles: half of the rounds lie between `low` and `high`."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}–{short(self.high)})"


def ratio(values: Sequence[float], to: Sequence[float]) -> Spread:
    """Of two that took turns: what disturbs a round disturbs both."""
    return Spread.of([value / other for value, other in zip(values, to, strict=True)])


def short(number: float) -> str:
    """Three digits, no exponent."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{float(f'{number:.2e}'):g}"
