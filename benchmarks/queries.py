"""How often PostgreSQL is asked: as often as something changes, not as often as somebody reads."""

import time
from collections import Counter
from itertools import cycle
from typing import Any

from benchmarks.effort import Effort
from benchmarks.findings import Bar, Section, Table
from benchmarks.ground import Ground
from benchmarks.turns import Contender, contenders

NAMES = ("elara", "seraphina", "isla", "lyra", "aria", "nova", "juniper", "sloane")
RATE = 500  # lookups a second, of each of two processes
OTHER = ""  # see contenders/reader.py

TEXT = """\
Two processes look up eight names, {rate} times a second each, while a third edits one of them every second. Every
statement of the readers is counted: those that look a personality up, by name; others over Django's connection; and
how often a process read the change log, which it does at every change and every 0.75 s. That is the price of being
up to date, and it does not depend on the number of reads."""


def measure(ground: Ground, effort: Effort) -> Section:
    place = ground.place("queries")
    with contenders(("reader", place), ("reader", place), ("editor", place)) as (one, two, editor):
        for reader in (one, two):
            reader.send("read", names=NAMES, rate=RATE, seconds=effort.watch)
        edits = _edit(editor, effort.watch)
        counts: list[dict[str, Any]] = [reader.answer() for reader in (one, two)]
    table = Table("", HEAD, [_row(number, count, edits, effort) for number, count in enumerate(counts, start=1)])
    figures = {"edits": edits, "processes": counts}
    return Section("Queries", TEXT.format(rate=RATE), [table], [_bar(counts, edits)], figures)


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


def _row(number: int, count: dict[str, Any], edits: Counter[str], effort: Effort) -> tuple[str, ...]:
    queries = {name: count["queries"].get(name, 0) for name in NAMES}
    most = max(queries, key=lambda name: queries[name] / max(edits[name], 1))
    lookups, other = RATE * effort.watch, count["queries"].get(OTHER, 0)
    cells = (number, lookups, edits.total(), sum(queries.values()), f"{queries[most]} in {edits[most]} edits", other)
    return (*(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells), f"{count['polls']:,}")


def _bar(counts: list[dict[str, Any]], edits: Counter[str]) -> Bar:
    per_edit = [count["queries"].get(name, 0) / max(edits[name], 1) for count in counts for name in NAMES]
    measured = f"{max(per_edit):.2f} at most, {sum(per_edit) / len(per_edit):.2f} on average"
    return Bar("queries per name, process and write", "≤ 1", measured, max(per_edit) <= 1)
