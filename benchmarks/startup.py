"""How long it takes until the service could answer."""

import subprocess
import sys
from time import perf_counter

from benchmarks.effort import Effort
from benchmarks.findings import Bar, Section, Table
from benchmarks.ground import Environment, Ground
from benchmarks.spread import Spread
from tooling.environment import ROOT

READY = "import django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns"

TEXT = "A new interpreter, `django.setup()` and all URLs, with bytecode from an earlier start."


def measure(ground: Ground, effort: Effort) -> Section:
    place = ground.place("startup")
    _start(place)  # leaves the bytecode behind
    seconds = [_start(place) for _ in range(effort.rounds)]
    spread = Spread.of(seconds)
    bar = Bar.at_most("start", 1, "s", spread)
    return Section("Start", TEXT, [Table("", ("", "s"), [("start", str(spread))])], [bar], {"seconds": seconds})


def _start(environment: Environment) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", READY], cwd=ROOT, env=environment, check=True)
    return perf_counter() - start
