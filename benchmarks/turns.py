"""Contenders as the run sees them, and the order in which they are measured."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from tooling.environment import ROOT

K = TypeVar("K")
V = TypeVar("V")


class Contender:
    """A process of `contender.py`. `refusal` says why it cannot take part, if it cannot."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "benchmarks.contender", module]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.module = module

    def start(self) -> None:
        """Wait until it is ready. Apart from making it: many get ready at the same time."""
        self.refusal: str | None = self.answer()

    def ask(self, command: str, **arguments: Any) -> Any:
        self.send(command, **arguments)
        return self.answer()

    def send(self, command: str, **arguments: Any) -> None:
        assert self._process.stdin
        print(json.dumps({"do": command, **arguments}), file=self._process.stdin)

    def answer(self) -> Any:
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"contender {self.module} ended; the lines above say why")
        return json.loads(line)

    def close(self) -> None:
        self._process.communicate()  # the end of its input


@contextmanager
def contenders(*wanted: tuple[str, Mapping[str, str]]) -> Iterator[list[Contender]]:
    """Processes of these modules, each in its environment, all ready."""
    with ExitStack() as stack:
        made = []
        for module, environment in wanted:
            made.append(Contender(module, environment))
            stack.callback(made[-1].close)
        for each in made:
            each.start()
        yield made


def take_turns(runs: Mapping[K, Callable[[], V]], rounds: int) -> dict[K, list[V]]:
    """What each run answers in each round, in changing order: what else the machine does meets all alike."""
    answers: dict[K, list[V]] = {key: [] for key in runs}
    order: Sequence[K] = list(runs)
    for _ in range(rounds):
        for key in order:
            answers[key].append(runs[key]())
        order = order[::-1]
    return answers
