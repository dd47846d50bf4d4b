"""What was written, what was read, and whether what was read could be true: the judge of promises 1, 4, 5 and 14.

All times are `time.monotonic_ns()`, one clock for all processes of the machine. A version is the serial number that
every write of ours puts into the greeting; None is "there is no such personality".
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.verdict import Lag, Stale, Verdict

NEVER = 2**63
ALWAYS = -(2**63)


class Read(NamedTuple):
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

    A write that was rolled back is no commit: leave it out, and whoever reads it has read what never was.
    """

    started: int
    returned: int
    name: str
    version: int | None
    certain: bool = True


@dataclass
class History:
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
