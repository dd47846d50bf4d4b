"""What was written, what was read, and whether what was read could be true: the judge of these tests.

All times are `time.monotonic_ns()`, one clock for all processes of the machine. A version is the serial number that
every write of these tests puts into the greeting; None means "there is no such personality".
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple


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
    """What the judge found of reads, with the bound in seconds."""

    bound: float
    reads: int
    outdated: list[Stale] = field(default_factory=list)  # of any age above none
    impossible: list["Read"] = field(default_factory=list)  # of versions that were never committed
    errors: list["Read"] = field(default_factory=list)
    lags: list[Lag] = field(default_factory=list)

    @property
    def stale(self) -> list[Stale]:
        """Reads of versions that had been superseded for longer than the bound."""
        return [stale for stale in self.outdated if stale.age > self.bound]

    @property
    def unmarked(self) -> list[Stale]:
        """Stale reads that were not marked as unverified."""
        return [stale for stale in self.stale if not stale.read.unverified]

    @property
    def worst_age(self) -> float:
        """Seconds for which the oldest version read had been superseded."""
        return max((stale.age for stale in self.outdated), default=0.0)

    @property
    def honest(self) -> bool:
        """Whether everything older than the bound was marked as unverified."""
        return bool(self.reads) and not (self.unmarked or self.impossible or self.errors)

    @property
    def holds(self) -> bool:
        """Whether nothing older than the bound was read at all."""
        return self.honest and not self.stale

    def lag(self, share: float) -> float:
        """Return the notice lag in seconds that a share (0.5, 0.99, 1) of pairs of commit and process do not exceed."""
        return percentile([lag.seconds for lag in self.lags], share)

    def __str__(self) -> str:
        """One line for the table, and whatever is wrong in full."""
        marked = len(self.stale) - len(self.unmarked)
        wrong = [f"{len(self.unmarked)} older than {self.bound} s"] * bool(self.unmarked)
        wrong += [f"{marked} older, but marked unverified"] * bool(marked)
        wrong += [f"{len(self.impossible)} never committed"] * bool(self.impossible)
        wrong += [f"{len(self.errors)} errors"] * bool(self.errors)
        return f"{', '.join(wrong) or '0 wrong'} of {self.reads} reads, worst age {pretty(self.worst_age)}"

    def evidence(self, limit: int = 5) -> str:
        """Return the verdict and some of the reads that are wrong."""
        found = [*self.stale[:limit], *self.impossible[:limit], *self.errors[:limit]]
        return "\n".join([str(self), *map(str, found)])


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile by nearest rank; 0 of no values."""
    ordered = sorted(values)
    return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


def pretty(seconds: float) -> str:
    """Return seconds as people read them: 0.4 ms, 1.18 s."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.2g} ms" if milliseconds < 99.5 else f"{milliseconds:.0f} ms"


NEVER = 2**63
ALWAYS = -(2**63)


class Read(NamedTuple):
    """One read by one process; `version` is None where there was no such personality."""

    start: int
    end: int
    process: str
    name: str
    version: int | None
    source: str = ""  # near | redis | database
    unverified: bool = False
    error: str = ""  # what the reader got instead of an answer


class Commit(NamedTuple):
    """`certain` is False where the writer died before it could tell: such a version may be read, and none is owed.

    Leave out a write that was rolled back: a read of it is then a read of what never was.
    """

    started: int
    returned: int
    name: str
    version: int | None
    certain: bool = True


@dataclass
class History:
    """All reads and commits of a test."""

    reads: list[Read] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    uneventful: int = 0  # reads between two equal ones, of which the judge needs to know no more

    def judge(self, bound_seconds: float) -> Verdict:
        """Every read against every commit. `bound_seconds` is how long after a COMMIT the older version may be read."""
        errors = [read for read in self.reads if read.error]
        verdict = Verdict(bound_seconds, len(self.reads) + self.uneventful, errors=errors)
        by_name: dict[str, list[Read]] = defaultdict(list)
        for read in self.reads:
            if not read.error:
                by_name[read.name].append(read)
        for name, reads in by_name.items():
            Line(self.commits, name).judge(reads, verdict)
        return verdict


class Line:
    """The commits of one name. Of two that overlap in time nobody can say which came first: both readings pass."""

    def __init__(self, commits: Iterable[Commit], name: str) -> None:
        origin = Commit(ALWAYS, ALWAYS, name, None)
        ours = (commit for commit in commits if commit.name == name)
        self.commits = sorted([origin, *ours], key=lambda commit: commit.started)
        self._starts = [commit.started for commit in self.commits]
        self._by_version: dict[int | None, list[Commit]] = defaultdict(list)
        self._earliest_return = [NEVER]  # of the commits from each index on
        for commit in reversed(self.commits):
            returned = commit.returned if commit.certain else NEVER
            self._earliest_return.insert(0, min(returned, self._earliest_return[0]))
            self._by_version[commit.version].append(commit)

    def judge(self, reads: list[Read], verdict: Verdict) -> None:
        """Add to the verdict what these reads tell."""
        found = [(read, self.age(read)) for read in reads]
        outdated = [Stale(read, age / 1e9) for read, age in found if age is not None and age > 0]
        verdict.impossible += (read for read, age in found if age is None)
        verdict.outdated += outdated
        verdict.lags += self._lags(reads, [stale.read for stale in outdated])

    def age(self, read: Read) -> int | None:
        """How long (ns) its version had been superseded when the read began; None when it cannot have existed."""
        ages = [read.start - self._superseded(commit) for commit in self._sources(read)]
        return min(ages) if ages else None

    def _sources(self, read: Read) -> list[Commit]:
        return [commit for commit in self._by_version.get(read.version, ()) if commit.started <= read.end]

    def _superseded(self, commit: Commit) -> int:
        """When the first later commit had returned."""
        return self._earliest_return[bisect_left(self._starts, max(commit.returned, commit.started + 1))]

    def _lags(self, reads: list[Read], outdated: list[Read]) -> Iterator[Lag]:
        """By process and commit: from the return of COMMIT to the end of the last read of something older.

        A process that read neither the commit's version nor anything older after it has not met that commit.
        """
        met = {(read.process, read.version) for read in reads}
        last = {(read.process, read.version): read for read in sorted(outdated, key=lambda read: read.end)}
        for process in sorted({process for process, _ in met}):
            own = [read for (reader, _), read in last.items() if reader == process]
            for commit in self.commits[1:]:
                late = [read.end - commit.returned for read in own if self._lacks(read, commit)]
                if late or (process, commit.version) in met:
                    yield Lag(process, commit, max(late, default=0) / 1e9)

    def _lacks(self, read: Read, commit: Commit) -> bool:
        """Whether `commit` had returned before the read began, which nonetheless shows something older."""
        owed = commit.certain and commit.returned < read.start
        return owed and all(source != commit and source.returned <= commit.started for source in self._sources(read))
