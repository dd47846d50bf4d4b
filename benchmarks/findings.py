"""What a section of the run found out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.spread import Spread, short


class Table(NamedTuple):
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Bar(NamedTuple):
    """What was aimed at and what came of it. A missed bar is shown like any other."""

    goal: str
    bar: str
    measured: str
    met: bool

    @classmethod
    def at_most(cls, goal: str, limit: float, of: str, measured: Spread) -> "Bar":
        return cls(goal, f"≤ {short(limit)} {of}", str(measured), measured.median <= limit)

    @classmethod
    def at_least(cls, goal: str, limit: float, of: str, measured: Spread) -> "Bar":
        return cls(goal, f"≥ {short(limit)} {of}", str(measured), measured.median >= limit)


class Section(NamedTuple):
    """`text` says what is compared with what; `figures` are the numbers behind the tables, for --json and plots."""

    title: str
    text: str
    tables: Sequence[Table]
    bars: Sequence[Bar]
    figures: dict[str, Any]
