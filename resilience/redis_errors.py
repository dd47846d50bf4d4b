"""Errors of Redis: counted by type, logged at most once a minute each, and reported to the circuit breaker."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable

from redis.exceptions import ExecAbortError, NoScriptError, RedisError, ResponseError, TimeoutError

from resilience.circuit_breaker import Breaker

logger = logging.getLogger("resilience.redis")

SILENCE = 60.0  # seconds between two log lines about the same type of error
# Callers never see these: ExecAbortError follows an error that is counted already, and on NoScriptError redis-py loads
# the script.
INTERNAL = (ExecAbortError, NoScriptError)
# Answers that say more than their code, and quote nothing.
SAFE_PHRASES = ("DB index is out of range", "invalid DB index", "without any password configured", "no password is set",
           "invalid username-password pair or user is disabled", "max number of clients reached")  # fmt: skip


class ErrorLog:
    """Counts errors by the name of their type and logs each type at most once a minute. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Start over. A forked child must, because another thread of its parent may have held the lock."""
        self._lock = threading.Lock()
        self._logged: dict[str, float] = {}
        self.counts.clear()

    def count(self, name: str) -> None:
        """Count an error of the type called `name`."""
        with self._lock:
            self.counts[name] += 1

    def warn(self, name: str, message: str) -> None:
        """Log `message` unless a line about `name` was logged within the last minute."""
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
errors = error_log.counts  # by type: what callers of Redis got, or would have got without IGNORE_EXCEPTIONS
os.register_at_fork(after_in_child=error_log.reset)


def error_code(error: RedisError) -> str | None:
    """The first word of what the server answered, such as NOAUTH; None if it did not answer."""
    is_answer = isinstance(error, ResponseError)
    return error.status_code or (str(error).partition(" ")[0] if is_answer else None)


def describe(error: RedisError) -> str:
    """The text for the log. A server's answer may quote a command, even AUTH: only safe words of it are kept."""
    said = str(error)
    if code := error_code(error):
        said = " ".join([code, *(text for text in SAFE_PHRASES if text in said)])
    return f"{type(error).__name__}: {said}"


def count(error: RedisError) -> None:
    """Count `error` under its type."""
    error_log.count(type(error).__name__)


def count_answer(error: ResponseError) -> None:
    """Count and log an error that the server answered. It is alive, so nothing else would show the refusal."""
    if not isinstance(error, INTERNAL):
        count(error)
        error_log.warn(type(error).__name__, f"Redis refuses commands: {describe(error)}.")


def failed_to_connect(breaker: Breaker, error: RedisError) -> None:
    """Record one failed attempt to connect, whichever step of it failed, the handshake included."""
    count(error)
    if isinstance(error, TimeoutError):
        breaker.timed_out()
    else:
        breaker.refused(describe(error), error_code(error))


def failed(breaker: Breaker, error: RedisError) -> None:
    """Record a command that failed on an established connection."""
    if isinstance(error, ResponseError):
        breaker.succeeded()  # it answered
        count_answer(error)
    elif error.status_code or isinstance(error, TimeoutError):  # it answers but serves nobody: LOADING, NOAUTH
        failed_to_connect(breaker, error)
    else:
        count(error)
        breaker.lost()  # it may have restarted, so the next connect decides
