"""Contenders as the run sees them, the order in which they are measured, and for how long."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeVar

from tooling.environment import ROOT


class Effort(NamedTuple):
    """How much to measure, times in seconds: `rounds` of turns, and `window` for a turn of calls."""

    rounds: int
    window: float
    load: float  # a turn of HTTP requests
    talk: float  # a turn of streams
    watch: int  # queries are counted this long
    rows: int  # of a bulk write
    sizes: tuple[int, ...]  # stored personalities; the last that fit into memory


FULL = Effort(rounds=7, window=0.2, load=2, talk=4, watch=60, rows=10_000, sizes=(10, 1_000, 100_000, 1_000_000))
QUICK = Effort(rounds=3, window=0.02, load=0.3, talk=1.5, watch=3, rows=1_000, sizes=(10, 1_000))


K = TypeVar("K")
V = TypeVar("V")


class Contender:
    """A process of `contender.py`. `name` is MODULE.FUNCTION; `refusal` says why it cannot take part, if so."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "benchmarks.contender", name]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.name = name

    def start(self) -> None:
        """Wait until it is ready. Separate from making it, so that many get ready at the same time."""
        self.refusal: str | None = self.answer()

    def ask(self, command: str, **arguments: object) -> Any:
        """Send a command and return its answer, whose type the command knows."""
        self.send(command, **arguments)
        return self.answer()

    def send(self, command: str, **arguments: object) -> None:
        """Send a command, for `answer` to wait for."""
        assert self._process.stdin
        print(json.dumps({"do": command, **arguments}), file=self._process.stdin)

    def answer(self) -> Any:
        """Return the answer to the command sent first of those that have none yet."""
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"contender {self.name} ended; the lines above say why")
        return json.loads(line)

    def close(self) -> None:
        """End its input, and wait until it has ended."""
        self._process.communicate()


@contextmanager
def contenders(*wanted: tuple[str, Mapping[str, str]]) -> Iterator[list[Contender]]:
    """Run these contenders, each in its environment; yields them when all are ready."""
    with ExitStack() as stack:
        made = []
        for name, environment in wanted:
            made.append(Contender(name, environment))
            stack.callback(made[-1].close)
        for each in made:
            each.start()
        yield made


def take_turns(runs: Mapping[K, Callable[[], V]], rounds: int) -> dict[K, list[V]]:
    """Return what each run answers in each round.

    The order alternates, so that whatever else the machine does affects all alike.
    """
    answers: dict[K, list[V]] = {key: [] for key in runs}
    order: Sequence[K] = list(runs)
    for _ in range(rounds):
        for key in order:
            answers[key].append(runs[key]())
        order = order[::-1]
    return answers
