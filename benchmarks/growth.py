"""What a lookup costs when more and more personalities are stored."""

from collections.abc import Mapping, Sequence
from functools import partial

import psutil

from benchmarks.databases import Environment, Servers, store
from benchmarks.results import Bar, Section, Spread, Table, ratio, short
from benchmarks.rounds import Contender, Effort, contenders, take_turns

SEEDED = 8  # are there from the start
KEPT_NEAR = 100_000
BYTES_EACH = 4_000  # in PostgreSQL and Redis together, rather more than less
PLACES = {"near": str(KEPT_NEAR), "Redis": "0"}  # PERSONALITY_NEAR_ENTRIES
Samples = dict[tuple[str, str, int], list[float]]  # by place, way and number stored

TEXT = """\
*hot* looks up the same name again and again, *any* a name drawn at random from all that are stored; both read the
configuration. *near* is a process that keeps {near:,} personalities in memory and has read as many as it can: with
more stored, most of *any* come from Redis and take another's place. *Redis* is a process that keeps none in memory.
Each number stored has databases of its own, and all take turns in the same rounds.{unfit}"""


def measure(servers: Servers, effort: Effort) -> Section:
    """Measure lookups at each size that fits into memory."""
    sizes = [size for size in effort.sizes if size * BYTES_EACH < psutil.virtual_memory().available / 2]
    filled = {size: _filled(servers, size) for size in sizes}
    wanted = {
        (place, size): filled[size] | {"PERSONALITY_NEAR_ENTRIES": entries}
        for size in sizes
        for place, entries in PLACES.items()
    }
    with contenders(*(("service.grown", environment) for environment in wanted.values())) as processes:
        by_key = dict(zip(wanted, processes, strict=True))
        taken = {size: by_key["near", size].ask("fill", count=min(size, KEPT_NEAR) - SEEDED) for size in sizes}
        samples = _time(by_key, effort)
    return _section(sizes, effort, samples, taken)


def _filled(servers: Servers, size: int) -> Environment:
    """Databases with so many personalities stored."""
    place = servers.environment(f"stored_{size}") | {"STORED": str(size - SEEDED)}
    store(size - SEEDED, place)
    return place


def _time(processes: Mapping[tuple[str, int], Contender], effort: Effort) -> Samples:
    runs = {
        (place, way, size): partial(process.ask, "time", way=way, seconds=effort.window)
        for (place, size), process in processes.items()
        for way in ("hot", "any")
    }
    return take_turns(runs, effort.rounds)


def _section(sizes: Sequence[int], effort: Effort, samples: Samples, taken: dict[int, float]) -> Section:
    text = TEXT.format(near=KEPT_NEAR, unfit=_unfit(sizes, effort))
    micros = {f"{place}, {way}, {size}": values for (place, way, size), values in samples.items()}
    kept = min(sizes[-1], KEPT_NEAR)
    memory = Table("Memory", ("", "bytes"), [(f"each of {kept:,} that are kept near", short(taken[sizes[-1]]))])
    figures = {"microseconds": micros, "sizes": sizes, "bytes_per_near_entry": taken[sizes[-1]]}
    return Section("Growth", text, [_table(sizes, samples), memory], _bars(sizes, samples), figures)


def _unfit(sizes: Sequence[int], effort: Effort) -> str:
    left_out = [size for size in effort.sizes if size not in sizes]
    return f" Left out, as this machine's memory has no room for it: {left_out[0]:,}." if left_out else ""


def _table(sizes: Sequence[int], samples: Samples) -> Table:
    ways = [(place, way) for place in PLACES for way in ("hot", "any")]
    head = ("stored", *(cell for place, way in ways for cell in (f"{place}, {way} µs", f"÷ at {sizes[0]}")))
    rows = [(f"{size:,}", *(cell for way in ways for cell in _cells(sizes[0], samples, *way, size))) for size in sizes]
    return Table("", head, rows)


def _cells(smallest: int, samples: Samples, place: str, way: str, size: int) -> tuple[str, str]:
    micros = samples[place, way, size]
    return short(Spread.of(micros).median), str(ratio(micros, samples[place, way, smallest]))


def _bars(sizes: Sequence[int], samples: Samples) -> list[Bar]:
    return [
        Bar.at_most(
            f"{place} hit with {size:,} stored", 1.2, f"× with {sizes[0]}",
            ratio(samples[place, "hot", size], samples[place, "hot", sizes[0]]),
        )
        for place in PLACES
        for size in sizes[1:]
    ]  # fmt: skip
