"""Threads that serve a process as long as it lives: an error of the operating system ends only one of their turns.

Without a free descriptor anything may raise OSError, and a thread that had ended would be missed long after.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0  # after a turn that failed


class Failures:
    """How often a turn of each thread failed."""

    def __init__(self) -> None:
        self.by_thread = Counter[str]()

    def collect(self) -> "Iterable[Metric]":
        """The failures by thread, as prometheus-client's registry asks for them."""
        from prometheus_client.core import CounterMetricFamily  # here, because it takes 50 ms

        what = "Errors of the operating system in threads that serve the process."
        family = CounterMetricFamily("companion_service_thread_errors", what, labels=("thread",))
        for name, count in self.by_thread.copy().items():
            family.add_metric((name,), count)
        return [family]


failures = Failures()


def start_service(name: str, turn: Callable[[], object]) -> None:
    """Call `turn` again and again in a daemon thread of this name."""
    threading.Thread(target=_run, args=(name, turn), name=name, daemon=True).start()


def _run(name: str, turn: Callable[[], object]) -> None:
    fails = False
    while True:
        try:
            turn()
        except OSError as error:
            failures.by_thread[name] += 1
            if not fails:  # else it was logged
                logger.error("The thread %r goes on after an error: %s", name, error)
            fails = True
            time.sleep(PAUSE_SECONDS)
        else:
            fails = False
