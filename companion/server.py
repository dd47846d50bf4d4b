"""granian, of whose workers none misses SIGTERM: `python -m companion.server`, with all of granian's options.

Python forgets what signals a process got in the moment in which it was forked. So a new worker begins with SIGTERM held
back, and never handles it in the way of the main process; see shutdown.py.
"""

import os
import signal
from multiprocessing import parent_process

from granian.cli import entrypoint


def main() -> None:
    """Run granian."""
    os.register_at_fork(before=_hold, after_in_parent=_release)
    entrypoint()  # type: ignore[no-untyped-call]


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _release() -> None:
    if parent_process() is None:  # else this is a worker that forks
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


if __name__ == "__main__":
    main()
