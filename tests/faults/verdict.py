"""What the judge found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.faults.history import Commit, Read


class Stale(NamedTuple):
    """A read whose version had been superseded for `age` seconds when the read began."""

    read: "Read"
    age: float


class Lag(NamedTuple):
    """How many seconds after the return of `commit` the process still read something older."""

    process: str
    commit: "Commit"
    seconds: float


@dataclass
class Verdict:
    bound: float
    reads: int
    outdated: list[Stale] = field(default_factory=list)  # of any age above none
    impossible: list["Read"] = field(default_factory=list)  # of versions that were never committed
    errors: list["Read"] = field(default_factory=list)
    lags: list[Lag] = field(default_factory=list)

    @property
    def stale(self) -> list[Stale]:
        """Reads of what had been superseded for longer than the bound."""
        return [stale for stale in self.outdated if stale.age > self.bound]

    @property
    def unmarked(self) -> list[Stale]:
        """Those of the stale that were not said to be unverified."""
        return [stale for stale in self.stale if not stale.read.unverified]

    @property
    def worst_age(self) -> float:
        return max((stale.age for stale in self.outdated), default=0.0)

    @property
    def honest(self) -> bool:
        """Whatever was older than the bound was marked as unverified."""
        return bool(self.reads) and not (self.unmarked or self.impossible or self.errors)

    @property
    def holds(self) -> bool:
        return self.honest and not self.stale

    def lag(self, share: float) -> float:
        """The notice lag that `share` of the pairs of commit and process do not exceed: 0.5, 0.99, 1."""
        return percentile([lag.seconds for lag in self.lags], share)

    def __str__(self) -> str:
        """One line for the table, and whatever is wrong in full."""
        marked = len(self.stale) - len(self.unmarked)
        wrong = [f"{len(self.unmarked)} older than {self.bound} s"] * bool(self.unmarked)
        wrong += [f"{marked} older, but marked unverified"] * bool(marked)
        wrong += [f"{len(self.impossible)} never committed"] * bool(self.impossible)
        wrong += [f"{len(self.errors)} errors"] * bool(self.errors)
        return f"{', '.join(wrong) or '0 wrong'} of {self.reads} reads, worst age {said(self.worst_age)}"

    def evidence(self, limit: int = 5) -> str:
        found = [*self.stale[:limit], *self.impossible[:limit], *self.errors[:limit]]
        return "\n".join([str(self), *map(str, found)])


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


def said(seconds: float) -> str:
    """As people read it: 0.4 ms, 1.18 s."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.2g} ms" if milliseconds < 99.5 else f"{milliseconds:.0f} ms"
