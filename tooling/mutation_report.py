"""What a run of mutants decides without Cosmic Ray, so that tests can see it.

In which order mutants are tried, which are known to be equivalent, the score of each file, and what is printed in the
end.
"""

import random
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

EQUIVALENTS = Path(__file__).with_name("equivalent_mutants.toml")
HEADS = ("mutants", "equivalent", "run", "caught", "survived", "score")
T = TypeVar("T")


class Change(NamedTuple):
    """What a mutation does: in which file and function, by which operator, and the lines before and after, stripped."""

    file: str
    function: str  # empty outside functions and classes
    operator: str
    before: str
    after: str


def changed_lines(old_text: str, new_text: str) -> tuple[str, str]:
    """Return the lines that differ, stripped: what the texts have in common at either end is left out."""
    old, new = old_text.splitlines(), new_text.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    before, after = ("\n".join(line.strip() for line in lines).strip() for lines in (old, new))
    return before, after


def first_failed(output: str) -> str:
    """Return the test that `output` of pytest names first in its summary; empty if it names none.

    Of an id that has the summary's own " - " in its parameters, the function alone.
    """
    lines = [line.split(" ", 1)[1] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    ids = [line.split(" - ")[0] for line in lines if "::" in line]
    return "" if not ids else ids[0] if ids[0].endswith("]") else ids[0].split("[")[0]


@dataclass(frozen=True)
class Equivalent:
    """Mutants that no test can or need notice, with the reason; one entry of equivalent_mutants.toml."""

    file: str
    function: str
    line: str
    reason: str
    mutants: Collection[str] = ()
    operators: Collection[str] = ()

    def covers(self, change: Change) -> bool:
        """Whether the entry speaks of this mutant."""
        if (change.file, change.function, change.before) != (self.file, self.function, self.line):
            return False
        return change.after in self.mutants or change.operator in self.operators

    def is_there(self, source: str) -> bool:
        """Whether `source` still has the function and the line."""
        lines = {line.strip() for line in source.splitlines()}
        is_defined = not self.function or re.search(rf"(def|class) {self.function}\b", source)
        return bool(is_defined) and lines.issuperset(self.line.split("\n"))


def equivalents(files: Collection[str]) -> Iterator[Equivalent]:
    """Yield the entries about `files`."""
    entries: list[dict[str, Any]] = tomllib.loads(EQUIVALENTS.read_text())["equivalent"]
    for entry in entries:
        if entry["file"] in files:
            yield Equivalent(**entry)


def in_turn(mutants: Mapping[str, Sequence[T]], seed: int) -> Iterator[T]:
    """Yield the `mutants` of each file in an order that depends on `seed` and the file alone, mixed with the others'.

    So a file that is measured by itself meets the same mutants first as among all, and wherever the run ends, about the
    same share of every file has had its turn.
    """
    placed = []
    for file, those in mutants.items():
        dice = random.Random(f"{seed} {file}")  # noqa: S311  not a secret
        shuffled = dice.sample(those, len(those))
        placed += [((place + dice.random()) / len(those), mutant) for place, mutant in enumerate(shuffled)]
    for _, mutant in sorted(placed, key=lambda each: each[0]):
        yield mutant


@dataclass
class Score:
    """The outcomes of one file, or of all, by name: killed, timeout, survived, equivalent."""

    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def caught(self) -> int:
        """Mutants that a test failed for, or that ran out of time."""
        return self.outcomes["killed"] + self.outcomes["timeout"]

    @property
    def run(self) -> int:
        """Mutants that tests were run against."""
        return self.caught + self.outcomes["survived"]

    def reaches(self, bar: float) -> bool:
        """Whether at least `bar` per cent were caught."""
        return 100 * self.caught >= bar * self.run

    def row(self, name: str, mutants: int) -> str:
        """Return a line of the table."""
        percent = f"{100 * self.caught / self.run:.0f} %" if self.run else "-"
        cells = (mutants, self.outcomes["equivalent"], self.run, self.caught, self.outcomes["survived"], percent)
        return f"{name:<44}" + "".join(f"{cell:>11}" for cell in cells)


def total(scores: Iterable[Score]) -> Score:
    """Return the sum of `scores`."""
    return Score(sum((score.outcomes for score in scores), Counter()))


def table(scores: Mapping[str, Score], mutants: Mapping[str, int]) -> str:
    """Return the scores by file, of so many `mutants` each, and their sum."""
    rows = [score.row(file, mutants[file]) for file, score in scores.items()]
    head = f"{'':<44}" + "".join(f"{head:>11}" for head in HEADS)
    return "\n".join([head, *rows, total(scores.values()).row("all", sum(mutants.values()))])
