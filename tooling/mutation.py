"""Mutates the core in the clone's copy that this runs in, and says what the tests noticed. Started by mutants.py.

The results stay in a session of Cosmic Ray, which `cr-report` and `cr-html` read.
"""

import argparse
import os
import secrets
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_and_test, mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkItem

from tooling import mutation_operators as operators
from tooling.mutation_report import Change, Score, changed_lines, equivalents, first_failed, in_turn, table, total

FOLDER = Path(__file__).parent
PYTEST = ["-m", "pytest", "-x", "-q", "--no-header", "--tb=line", "--assert=plain", "--reuse-db", "--timeout=40",
          "-p", "no:cacheprovider", "-p", "tooling.mutation_order"]  # fmt: skip
# What a run of tests is given: at least and, as long as it is not known how long they take, at most.
LEAST_SECONDS, MOST_SECONDS = 45.0, 240.0


def main() -> int:
    """Run until the mutants or the minutes are used up; return 1 if less than the bar was caught."""
    options = _options()
    config: dict[str, Any] = tomllib.loads((FOLDER / "mutants.toml").read_text())
    files = [file for file in config["tests"] if not options.path or file in options.path]
    run = Run({file: [*config["tests"][file], "-k", _without(config["skip"])] for file in files}, options.session)
    deadline = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    for job, mutation in in_turn(run.mutants, options.seed):
        if time.monotonic() > deadline:
            break
        run.judge(job, mutation)
    return run.report(options.bar)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py check --mutants")
    parser.add_argument("path", nargs="*", help="a file of tooling/mutants.toml")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--bar", type=float, default=98)
    parser.add_argument("--session", type=Path, required=True)
    return parser.parse_args()


class Run:
    """One measurement: a session of Cosmic Ray, and the outcomes by file."""

    def __init__(self, tests: dict[str, list[str]], session: Path) -> None:
        """`tests` are the arguments of pytest by file, and `session` the file that results are kept in."""
        operators.register()
        session.unlink(missing_ok=True)
        self.session = WorkDB(session, WorkDB.Mode.create)
        self._tests = tests
        self._equivalents = [*equivalents(tests)]
        self._seen: set[str] = set()  # texts that two operators make alike are tested once
        self._seconds: dict[str, float] = {}  # after which the tests of a file count as hanging
        self._sources = {file: Path(file).read_text() for file in tests}
        init([Path(file) for file in tests], self.session, {})
        self.mutants = self._meaningful()
        self.scores: dict[str, Score] = {file: Score() for file in tests}
        self._survivors: list[str] = []
        self._killers: set[str] = set()
        _renew_database()

    def _meaningful(self) -> dict[str, list[tuple[str, MutationSpec]]]:
        """By file, where they mean something."""
        mutants: dict[str, list[tuple[str, MutationSpec]]] = {file: [] for file in self._sources}
        spans = {file: operators.silent_spans(source) for file, source in self._sources.items()}
        for item in sorted(self.session.work_items, key=_position):
            (mutation,) = item.mutations
            file, at = str(mutation.module_path), mutation.start_pos
            if not any(start <= at < end for start, end in spans[file]):
                mutants[file].append((item.job_id, mutation))
        return mutants

    def _mutated(self, mutation: MutationSpec) -> str | None:
        operator = get_operator(mutation.operator_name)()
        text: str | None = mutate_code(self._sources[str(mutation.module_path)], operator, mutation.occurrence)
        return text

    def judge(self, job: str, mutation: MutationSpec) -> None:
        """Run the tests against one mutant, unless it is known to be equivalent or no program."""
        file, text = str(mutation.module_path), self._mutated(mutation)
        if text is None or text in self._seen or not _compiles(text):
            self.mutants[file].remove((job, mutation))
            return
        self._seen.add(text)
        operator = mutation.operator_name.partition("/")[2]
        change = Change(file, mutation.definition_name or "", operator, *changed_lines(self._sources[file], text))
        is_equivalent = any(entry.covers(change) for entry in self._equivalents)
        outcome, by = ("equivalent", "") if is_equivalent else self._outcome(job, mutation, file)
        self._note(outcome, change, mutation.start_pos[0], by)

    def _note(self, outcome: str, change: Change, line: int, by: str) -> None:
        self.scores[change.file].outcomes[outcome] += 1
        place = f"{change.file}:{line} {change.function} {change.operator}"
        print(f"{outcome:<10} {place} {by}", flush=True)
        if outcome == "survived":
            self._survivors.append(f"{place}\n  - {change.before}\n  + {change.after}")

    def _outcome(self, job: str, mutation: MutationSpec, file: str) -> tuple[str, str]:
        """Also the first test that failed."""
        started = time.monotonic()
        command = shlex.join([sys.executable, *PYTEST, *self._tests[file]])
        result = mutate_and_test([mutation], command, self._seconds.get(file, MOST_SECONDS))
        self.session.set_result(job, result)
        if result.test_outcome == TestOutcome.INCOMPETENT:
            sys.exit(f"mutants: {result.output}")
        if result.output == "timeout":
            _renew_database()  # the tests were killed in the middle of something
            return "timeout", ""
        if result.test_outcome == TestOutcome.SURVIVED:
            self._seconds[file] = max(LEAST_SECONDS, 4 * (time.monotonic() - started))
        by = first_failed(result.output or "")
        self._killers |= {by} if by else set()
        return str(result.test_outcome.value), by

    def _broken(self) -> str:
        """What the tests that caught mutants say if they fail without one too, and so prove nothing."""
        if not self._killers:
            return ""
        run = subprocess.run(
            [sys.executable, *PYTEST, "--maxfail=0", *sorted(self._killers)], capture_output=True, text=True
        )
        return run.stdout if run.returncode else ""

    def report(self, bar: float) -> int:
        """Print the table and the survivors; return 1 below the bar or when an entry is of no use any more."""
        stale = [entry for entry in self._equivalents if not entry.is_there(self._sources[entry.file])]
        broken = self._broken()
        print("", table(self.scores, {file: len(mutants) for file, mutants in self.mutants.items()}), "", sep="\n")
        print(*self._survivors, sep="\n")
        print(*(f"equivalent_mutants.toml: {entry.file} has no `{entry.line}` any more" for entry in stale), sep="\n")
        print(f"Tests that caught mutants fail without them:\n{broken}" if broken else "")
        return 1 if stale or broken or not total(self.scores.values()).reaches(bar) else 0


def _position(item: WorkItem) -> tuple[str, tuple[int, int], str, int]:
    mutation = item.mutations[0]
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name, mutation.occurrence


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _without(names: Iterable[str]) -> str:
    """What pytest's `-k` selects all other tests by."""
    return " and ".join(f"not {name}" for name in names)


def _renew_database() -> None:
    """The tests that start from now on find a database and keys in Redis that nobody has touched."""
    os.environ["COMPANION_TEST_RUN"] = secrets.token_hex(4)


if __name__ == "__main__":
    sys.exit(main())
