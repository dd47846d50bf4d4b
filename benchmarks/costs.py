"""What the service costs elsewhere: queries of PostgreSQL, writes, and the start of a process."""

import subprocess
import sys
import time
from collections import Counter
from functools import partial
from itertools import cycle
from time import perf_counter

from benchmarks.contenders.service import OTHER, ReaderCounts
from benchmarks.databases import Environment, Servers
from benchmarks.results import Bar, Section, Spread, Table, ratio, short
from benchmarks.rounds import Contender, Effort, contenders, take_turns
from tooling.environment import ROOT

NAMES = ("elara", "seraphina", "isla", "lyra", "aria", "nova", "juniper", "sloane")
RATE = 500  # lookups a second, of each of two processes

QUERIES = """\
Two processes look up eight names, {rate} times a second each, while a third edits one of them every second. Every
statement of the readers is counted: those that look a personality up, by name; others over Django's connection; and
how often a process read the change log, which it does at every change and every 0.75 s. That is the price of being
up to date, and it does not depend on the number of reads."""


def queries(servers: Servers, effort: Effort) -> Section:
    """How often PostgreSQL is asked: as often as something changes, not as often as somebody reads."""
    place = servers.environment("queries")
    with contenders(("service.reader", place), ("service.reader", place), ("service.editor", place)) as (
        one,
        two,
        editor,
    ):
        for reader in (one, two):
            reader.send("read", names=NAMES, rate=RATE, seconds=effort.watch)
        edits = _edit(editor, effort.watch)
        counts: list[ReaderCounts] = [reader.answer() for reader in (one, two)]
    table = Table("", HEAD, [_row(number, count, edits, effort) for number, count in enumerate(counts, start=1)])
    figures = {"edits": edits, "processes": counts}
    return Section("Queries", QUERIES.format(rate=RATE), [table], [_bar(counts, edits)], figures)


HEAD = ("process", "lookups", "edits", "queries of lookups", "most for one name", "other queries", "reads of the log")


def _edit(editor: Contender, seconds: int) -> Counter[str]:
    """One edit a second, each name in its turn, none at the very end: who reads afterwards must have heard of it."""
    edits: Counter[str] = Counter()
    start = time.monotonic()
    for second, name in zip(range(1, seconds), cycle(NAMES), strict=False):
        time.sleep(max(0.0, start + second - time.monotonic()))
        editor.ask("edit", name=name)
        edits[name] += 1
    return edits


def _row(number: int, count: ReaderCounts, edits: Counter[str], effort: Effort) -> tuple[str, ...]:
    queries = {name: count["queries"].get(name, 0) for name in NAMES}
    most = max(queries, key=lambda name: queries[name] / max(edits[name], 1))
    lookups, other = RATE * effort.watch, count["queries"].get(OTHER, 0)
    cells = (number, lookups, edits.total(), sum(queries.values()), f"{queries[most]} in {edits[most]} edits", other)
    return (*(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells), f"{count['polls']:,}")


def _bar(counts: list[ReaderCounts], edits: Counter[str]) -> Bar:
    per_edit = [count["queries"].get(name, 0) / max(edits[name], 1) for count in counts for name in NAMES]
    measured = f"{max(per_edit):.2f} at most, {sum(per_edit) / len(per_edit):.2f} on average"
    return Bar("queries per name, process and write", "≤ 1", measured, max(per_edit) <= 1)


WAYS = {"save": "save() with triggers", "bulk": "bulk_create() of {rows:,}"}

WRITES = """\
A save of the service with everything that belongs to it (the version is counted and read back, triggers write the
history and note the change, the process reads the log, the copies in Redis are dropped), and a bulk write. *plain*
is the same with a plain Django model on a twin of the table: the same columns, indexes and constraints, but no
triggers, signals or copies. Both go over one connection, and so are equally durable: PostgreSQL runs without fsync,
which makes commits cheap and the ratio larger than on a disk."""


def writes(servers: Servers, effort: Effort) -> Section:
    """What the change log adds to a write."""
    place = servers.environment("writes") | {"BULK_ROWS": str(effort.rows)}
    with contenders(("service.writer", place)) as (writer,):
        seconds = {"save": effort.window, "bulk": 0.0}  # a bulk write is one call
        runs = {
            f"{prefix}{way}": partial(writer.ask, "time", way=f"{prefix}{way}", seconds=seconds[way])
            for way in WAYS
            for prefix in ("", "plain_")
        }
        samples = take_turns(runs, effort.rounds)
    ratios = {way: ratio(samples[way], samples[f"plain_{way}"]) for way in WAYS}
    labels = {way: label.format(rows=effort.rows) for way, label in WAYS.items()}
    rows = [
        (label, _millis(samples[way]), _millis(samples[f"plain_{way}"]), str(ratios[way]))
        for way, label in labels.items()
    ]
    bars = [Bar.at_most(labels[way], limit, "× plain", ratios[way]) for way, limit in (("save", 3), ("bulk", 2))]
    return Section(
        "Writes", WRITES, [Table("", ("", "ms", "plain ms", "ratio"), rows)], bars, {"microseconds": samples}
    )


def _millis(micros: list[float]) -> str:
    return short(Spread.of(micros).median / 1000)


READY = "import django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns"

START = (
    "A new interpreter, `django.setup()` and all URLs, with bytecode from an earlier start; in turns with all apps and "
    "with personalities alone (`COMPANION_APPS=`)."
)


def start(servers: Servers, effort: Effort) -> Section:
    """How long it takes until the service could answer."""
    place = servers.environment("startup")
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
    return Section("Start", START, [Table("", ("", "s"), rows)], bars, {"seconds": seconds, "alone": seconds_alone})


def _start(environment: Environment) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", READY], cwd=ROOT, env=environment, check=True)
    return perf_counter() - start
