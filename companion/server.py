"""granian, whose workers neither miss SIGTERM nor hoard memory: `python -m companion.server`, with all of its options.

Python forgets what signals a process got in the moment in which it was forked. So a new worker begins with SIGTERM held
back, and never handles it in the way of the main process; see shutdown.py.
"""

import ctypes
import os
import signal
from multiprocessing import parent_process

from granian.cli import entrypoint

# By their numbers in glibc's malloc.h. Each thread of a worker would take memory from an arena of its own, of which
# little is given back: after 240,000 random requests a worker had grown by 11 MiB instead of 6.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEPT_BYTES = 128 * 1024  # larger blocks, and more than that at an arena's end, go back to the kernel


def main() -> None:
    """Run granian."""
    give_memory_back()
    os.register_at_fork(before=_hold, after_in_parent=_release)
    entrypoint()  # type: ignore[no-untyped-call]


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
