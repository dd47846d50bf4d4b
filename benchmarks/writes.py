"""What the change log adds to a write."""

from functools import partial

from benchmarks.effort import Effort
from benchmarks.findings import Bar, Section, Table
from benchmarks.ground import Ground
from benchmarks.spread import Spread, ratio, short
from benchmarks.turns import contenders, take_turns

WAYS = {"save": "save() with triggers", "bulk": "bulk_create() of {rows:,}"}

TEXT = """\
A save of the service with everything that belongs to it (the version is counted and read back, triggers write the
history and note the change, the process reads the log, the copies in Redis are dropped), and a bulk write. *plain*
is the same with a plain Django model on a twin of the table: the same columns, indexes and constraints, but no
triggers, signals or copies. Both go over one connection, and so are equally durable: PostgreSQL runs without fsync,
which makes commits cheap and the ratio larger than on a disk."""


def measure(ground: Ground, effort: Effort) -> Section:
    place = ground.place("writes") | {"BULK_ROWS": str(effort.rows)}
    with contenders(("writer", place)) as (writer,):
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
    return Section("Writes", TEXT, [Table("", ("", "ms", "plain ms", "ratio"), rows)], bars, {"microseconds": samples})


def _millis(micros: list[float]) -> str:
    return short(Spread.of(micros).median / 1000)
