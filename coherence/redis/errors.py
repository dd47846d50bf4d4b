"""What goes wrong with Redis: counted by type and, a line at a time, logged."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable

from redis.exceptions import ExecAbortError, NoScriptError, RedisError, ResponseError

from coherence.redis import logger

SILENCE = 60.0  # seconds between two lines about the same type of error
# The one follows from an error that is counted; upon the other redis-py loads the script. No caller gets them.
INTERNAL = (ExecAbortError, NoScriptError)


class ErrorLog:
    """Counts errors by the name of their type, and logs each type once a minute. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """As new. A forked child needs that: another thread of its parent may have held the lock."""
        self._lock = threading.Lock()
        self._logged: dict[str, float] = {}
        self.counts.clear()

    def count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    def warn(self, name: str, message: str) -> None:
        """Log `message`, unless there was a line about `name` within the last minute."""
        if self._is_news(name):
            logger.warning(message)

    def _is_news(self, name: str) -> bool:
        now = self._clock()
        with self._lock:
            if now - self._logged.get(name, float("-inf")) < SILENCE:
                return False
            self._logged[name] = now
            return True


error_log = ErrorLog()
errors = error_log.counts  # all that callers of Redis got, or would have but for IGNORE_EXCEPTIONS
os.register_at_fork(after_in_child=error_log.reset)


def describe(error: RedisError) -> str:
    """For the log. A server's answer may quote the command it refuses, even AUTH: only its first word is told."""
    said = str(error)
    if isinstance(error, ResponseError) or error.status_code:
        said = error.status_code or said.partition(" ")[0]
    return f"{type(error).__name__}: {said}"


def count(error: RedisError) -> None:
    error_log.count(type(error).__name__)


def count_answer(error: ResponseError) -> None:
    """The server is alive and may do other commands, so that nobody would notice without a line in the log."""
    if not isinstance(error, INTERNAL):
        count(error)
        error_log.warn(type(error).__name__, f"Redis refuses commands: {describe(error)}.")
