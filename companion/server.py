"""granian, with all of its options: `python -m companion.server`. Its workers neither miss SIGTERM nor hoard memory.
They may open as many files as they need, and be killed while they are replaced.

Python forgets the signals that a process gets at the moment when it is forked. So a new worker begins with SIGTERM held
back, and never handles it as the main process does; see shutdown.py.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import parent_process
from typing import Any

from granian import Granian, cli
from granian.log import logger

# By their numbers in glibc's malloc.h. Each thread of a worker would take memory from an arena of its own, of which
# little is given back: after 240,000 random requests a worker had grown by 11 MiB instead of 6.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEPT_BYTES = 128 * 1024  # larger blocks, and more than that at an arena's end, go back to the kernel
FILES_OF_A_CALLER = 2  # its connection, and one to the language model
OTHER_FILES = 500  # pools, metrics, files that are sent
ENOUGH_FILES = 65_536  # to which the limit is raised, if it may be


class Server(Granian):  # type: ignore[valid-type, misc]  # which class it is depends on Python
    """granian's, which mistakes the end of a worker that it is about to stop for the end of its replacement: it would
    replace that too, at once, or give up if it is young.
    """

    def startup(self, *arguments: Any) -> None:
        """Start, with the limit of open files raised before: workers inherit it. Warn if it stays too low."""
        needed = FILES_OF_A_CALLER * self.backpressure + OTHER_FILES
        limit = raise_open_files(max(needed, ENOUGH_FILES))
        if limit < needed:
            logger.warning(
                f"A worker may open {limit} files (ulimit -n), and {needed} are needed for --backpressure "
                f"{self.backpressure}: callers beyond that wait, and answers may fail."
            )
        super().startup(*arguments)

    def _respawn_workers(self, workers: Iterable[int], *arguments: Any, **options: Any) -> None:
        for number in workers:
            self._expect_end(number)
            super()._respawn_workers([number], *arguments, **options)

    def _expect_end(self, number: int) -> None:
        """The worker is being replaced, whether it ends by itself or has just ended."""
        self.wrks[number].interrupt_by_parent = True
        self.interrupt_children[:] = [ended for ended in self.interrupt_children if ended != number]


def main() -> None:
    """Run granian."""
    give_memory_back()
    os.register_at_fork(before=_hold, after_in_parent=_release)
    cli.Server = Server  # type: ignore[attr-defined]
    cli.entrypoint()  # type: ignore[no-untyped-call]


def raise_open_files(wanted: int) -> int:
    """Let this process and its workers open `wanted` files, or as many as they may; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with suppress(OSError, ValueError):  # some systems have a lower limit besides
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else soft


def give_memory_back() -> None:
    """Have glibc keep one arena for all threads of this process and its workers. Does nothing where it is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        for option, value in ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, KEPT_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES)):
            mallopt(option, value)


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _release() -> None:
    if parent_process() is None:  # else this is a worker that forks
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


if __name__ == "__main__":
    main()
