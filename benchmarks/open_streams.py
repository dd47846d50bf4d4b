"""What the service holds while many streams are open at the same time: memory, and connections to PostgreSQL."""

import time
from collections.abc import Callable

import psutil
import psycopg

from benchmarks.databases import Environment
from benchmarks.results import Table

EVERY = 0.05  # seconds between two looks
# Those that wait for somebody to use them, and the one that follows the change log, are idle.
HELD = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"  # fmt: skip  # noqa: E501


def watch(place: Environment, supervisor: int, streams: int, is_over: Callable[[], bool]) -> dict[str, float]:
    """Look until it `is_over`: the most memory that the service took above that before, and connections held at a time.

    `supervisor` is the process id of what started the service.
    """
    before, most, held = _memory(supervisor), 0, list[int]()
    with psycopg.connect(place["DATABASE_URL"], autocommit=True) as connection:
        while not is_over():
            most = max(most, _memory(supervisor))
            held.append(connection.execute(HELD).fetchone()[0])  # type: ignore[index]
            time.sleep(EVERY)
    return {"streams": streams, "KiB": (most - before) / 1024 / streams, "held": sorted(held)[len(held) // 2]}


def table(found: dict[str, float]) -> Table:
    """What was found, as a table."""
    head = ("streams open at the same time", "KiB of memory for each", "connections to PostgreSQL held")
    return Table("Open streams", head, [(f"{found['streams']:.0f}", f"{found['KiB']:.0f}", f"{found['held']:.0f}")])


def _memory(supervisor: int) -> int:
    """Bytes in use by all processes that it started."""
    return sum(process.memory_info().rss for process in psutil.Process(supervisor).children(recursive=True))
