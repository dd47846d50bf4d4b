"""A circuit breaker: it decides whether Redis may be asked at all after it has stopped answering.

It lives in the connection pool, because further up django-redis swallows the errors it needs to see.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable

logger = logging.getLogger("resilience.redis")

TIMEOUTS = 3  # this many timeouts
TIMEOUT_WINDOW = 5.0  # within this many seconds open the breaker


class Breaker:
    """The breaker of one server in one process, shared by its threads.

    Closed, it lets every caller through. Open, it lets none through for `retry_after` seconds, jittered so that
    processes do not retry in step. Then it is half-open: a single caller, the probe, decides whether it closes or stays
    open for another period. A probe that never reports is given up after the same time, and the next caller probes.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.retry_after = (2.0, 5.0)  # seconds, the range of the jitter
        self.opened = 0  # how often it opened, for metrics; a failed probe does not count again
        self.answer: str | None = None  # the error code with which the server refused when it opened, if it answered
        self._clock = clock
        self._jitter = jitter
        self._state = "closed"
        self._retry_at = 0.0
        self._timeouts: deque[float] = deque(maxlen=TIMEOUTS)
        self._lock = threading.Lock()  # guards state changes; never held while logging or talking to the server

    @property
    def state(self) -> str:
        """ "closed", "open" or "half-open", which means that a probe is under way."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether `allow` would refuse. False as soon as a probe is due. Cheap, and changes nothing."""
        return self._state != "closed" and self._clock() < self._retry_at

    def allow(self) -> bool:
        """Whether this caller may ask the server. A caller allowed while the breaker is not closed is the probe."""
        return self._state == "closed" or (not self.is_open and self._becomes_probe())

    def succeeded(self) -> None:
        """Record a reply. Only the probe's closes the breaker: a request sent before it opened proves nothing."""
        if self._state == "closed":  # every reply of a healthy server passes here, so no lock
            return
        with self._lock:
            closes = self._state == "half-open"
            if closes:
                self._state = "closed"
        if closes:
            logger.info("Circuit breaker closed: Redis answers again.")

    def refused(self, why: str = "connection refused", answer: str | None = None) -> None:
        """Record that the server cannot be reached or admits nobody: open at once. `why` goes into the log, `answer` is
        the error code if it answered with one.
        """
        self._failed(why, lambda: True, answer)

    def timed_out(self) -> None:
        """Record a timeout: open at the third within 5 s."""
        self._failed(f"{TIMEOUTS} timeouts within {TIMEOUT_WINDOW:.0f} s", self._timed_out_too_often)

    def lost(self) -> None:
        """Record a connection that broke while in use. The server may have restarted, so the next connect decides."""
        self._failed("connection lost", lambda: False)

    def _becomes_probe(self) -> bool:
        with self._lock:
            if self.is_open:  # another thread was faster
                return False
            if self._state != "closed":
                self._state = "half-open"
                self._pause()
            return True

    def _failed(self, why: str, opens: Callable[[], bool], answer: str | None = None) -> None:
        """Failures while it is open belong to requests sent earlier, and do not prolong it."""
        with self._lock:
            opening = self._state == "closed" and opens()
            if opening or self._state == "half-open":
                pause = self._pause()
                self._state, self.answer = "open", answer
            self.opened += opening
        if opening:
            logger.warning("Circuit breaker open: Redis is left alone for %.1f s (%s).", pause, why)

    def _pause(self) -> float:
        """Start a period in which no caller is let through; return its length in seconds."""
        pause = self._jitter(*self.retry_after)
        self._retry_at = self._clock() + pause
        return pause

    def _timed_out_too_often(self) -> bool:
        now = self._clock()
        self._timeouts.append(now)
        if len(self._timeouts) < TIMEOUTS or now - self._timeouts[0] > TIMEOUT_WINDOW:
            return False
        self._timeouts.clear()
        return True
