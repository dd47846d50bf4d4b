"""Many threads that read in one process see no old row, while others write."""

import time
from collections.abc import Callable

from tests.faults.conftest import LONG, Workers
from tests.faults.environment import Environment
from tests.faults.history import Commit, History
from tests.faults.scenarios import BOUND
from tests.faults.workers import Worker
from tests.promises import Figure

SECONDS = 60 if LONG else 3
THREADS = 8
STUCK = 1.0  # seconds without an answer; PostgreSQL and Redis are well


def test_threads__eight_readers_and_writers__none_wrong_none_stuck(
    environment: Environment, workers: Workers, fresh: Callable[[], str], figure: Figure
) -> None:
    """They read without a pause, what another process writes and what their own writes (and rolls back)."""
    elsewhere, here = fresh(), fresh()
    history = History(commits=environment.create(elsewhere, here))
    (process,) = workers(1)
    process.watch([elsewhere, here], threads=THREADS, pause=(0, 0))
    environment.writer.begin_writes("save", [elsewhere], 2, count=100 * SECONDS, pause=0.02, seconds=SECONDS)
    history.commits += own_writes(process, here)
    history.commits += environment.writer.end_writes()
    watched = process.unwatch()
    watched.into(history)
    verdict, slow = history.judge(BOUND), sum(quiet > STUCK for quiet in watched.quiet)
    figure(
        14,
        f"{THREADS} threads of one process read for {SECONDS} s while others write",
        f"0 wrong, 0 older than {BOUND} s, 0 stuck",
        measured=f"{verdict}; {max(slow, watched.stuck)} stuck ({len(history.commits)} writes)",
        met=verdict.honest and not slow and not watched.stuck and min(watched.counts) > 0,
        why=f"{verdict.evidence()}\nreads by thread: {watched.counts}, seconds since the last: {watched.quiet}",
    )


def own_writes(process: Worker, name: str) -> list[Commit]:
    commits: list[Commit] = []
    end, serial = time.monotonic() + SECONDS, 1
    while time.monotonic() < end:
        serial += 2
        commits.append(process.write("update", name, serial))
        process.write("rolled_back", name, serial + 1)
    return commits
