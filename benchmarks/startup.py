"""How long it takes until the service could answer."""

import subprocess
import sys
from time import perf_counter

from benchmarks.effort import Effort
from benchmarks.findings import Bar, Section, Table
from benchmarks.ground import Environment, Ground
from benchmarks.spread import Spread, ratio
from tooling.environment import ROOT

READY = "import django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns"

TEXT = (
    "A new interpreter, `django.setup()` and all URLs, with bytecode from an earlier start; in turns with all apps and "
    "with personalities alone (`COMPANION_APPS=`)."
)


def measure(ground: Ground, effort: Effort) -> Section:
    place = ground.place("startup")
    alone = place | {"COMPANION_APPS": ""}
    _start(place)  # leaves the bytecode behind
    pairs = [(_start(place), _start(alone)) for _ in range(effort.rounds)]
    seconds, seconds_alone = ([*times] for times in zip(*pairs, strict=True))
    spread = Spread.of(seconds)
    rows = [("start", str(spread)), ("start, personalities alone", str(Spread.of(seconds_alone)))]
    bars = [
        Bar.at_most("start", 1, "s", spread),
        Bar.at_most("start, personalities alone", 1, "× of that with all apps", ratio(seconds_alone, seconds)),
    ]
    return Section("Start", TEXT, [Table("", ("", "s"), rows)], bars, {"seconds": seconds, "alone": seconds_alone})


def _start(environment: Environment) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", READY], cwd=ROOT, env=environment, check=True)
    return perf_counter() - start
