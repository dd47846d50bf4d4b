"""Another process sees every change of a row, by whatever path it was written."""

import time
from collections.abc import Callable

from tests.faults.conftest import Workers
from tests.faults.environment import Environment
from tests.faults.history import Commit, pretty
from tests.faults.scenarios import BOUND
from tests.faults.workers import Worker
from tests.promises import Figure

CHANGING = ("save", "update_or_create", "upsert", "update", "bulk_update", "raw_sql")
MAKING = ("create", "bulk_create")
DELETING = ("delete", "raw_delete", "truncate", "admin_delete")
RENAMING = ("rename_by_save", "rename_by_update", "rename_by_bulk_update", "rename_by_sql")

Fresh = Callable[[], str]


def noticed(reader: Worker, commit: Commit, expected: dict[str, int | None]) -> float:
    """Return the seconds from the return of COMMIT until the reader sees what is expected of each name; at most 5."""
    while True:
        reads = [reader.read(name) for name in expected]
        seconds = (time.monotonic_ns() - commit.returned) / 1e9
        if [read.version for read in reads] == list(expected.values()) or seconds > 5:
            return seconds


def change(environment: Environment, path: str, fresh: Fresh, reader: Worker) -> float:
    name = fresh()
    environment.create(name)
    assert reader.read(name).version == 1
    return noticed(reader, environment.writer.write(path, name, 2), {name: 2})


def make(environment: Environment, path: str, fresh: Fresh, reader: Worker) -> float:
    name = fresh()
    assert reader.read(name).version is None
    return noticed(reader, environment.writer.write(path, name, 1), {name: 1})


def delete(environment: Environment, path: str, fresh: Fresh, reader: Worker) -> float:
    name = fresh()
    environment.create(name)
    assert reader.read(name).version == 1
    return noticed(reader, environment.writer.write(path, name, 2), {name: None})


def rename(environment: Environment, path: str, fresh: Fresh, reader: Worker) -> float:
    old, new = fresh(), fresh()
    environment.create(old)
    assert [reader.read(name).version for name in (old, new)] == [1, None]
    return noticed(reader, environment.writer.write(path, old, 2, to=new), {old: None, new: 2})


def test_paths__every_way_to_write__seen_elsewhere(
    environment: Environment, workers: Workers, fresh: Fresh, figure: Figure
) -> None:
    (reader,) = workers(1)
    kinds = {change: CHANGING, make: MAKING, delete: DELETING, rename: RENAMING}
    seconds = {path: seen(environment, path, fresh, reader) for seen, paths in kinds.items() for path in paths}
    within = [path for path, taken in seconds.items() if taken <= BOUND]
    figure(
        3,
        "every way to write is noticed, renames included",
        f"{len(seconds)} of {len(seconds)} within {BOUND} s",
        measured=f"{len(within)} of {len(seconds)}, slowest {pretty(max(seconds.values()))}",
        met=len(within) == len(seconds),
        why=str(seconds),
    )
