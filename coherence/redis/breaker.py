"""A circuit breaker: may a server that has stopped answering be asked, and by whom? Knows nothing of Redis.

It lives in the connection pool: further up, django-redis has swallowed the errors that it needs to see.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable

from coherence.redis import logger

TIMEOUTS = 3  # so many of them open it,
TIMEOUT_WINDOW = 5.0  # if they come within so many seconds


class Breaker:
    """Of one server, in one process; shared by its threads.

    Closed, it lets everybody through. Open, nobody, for `retry_after` seconds (jittered, so that processes do not come
    back in step); then it is half-open: one caller, the probe, decides whether it closes or stays open that long again.
    A probe that never reports is given up after as long, and the next caller is the probe.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.retry_after = (2.0, 5.0)  # seconds: the range of the jitter
        self.opened = 0  # times, for metrics; a probe that fails is not another one
        self._clock = clock
        self._jitter = jitter
        self._state = "closed"
        self._retry_at = 0.0
        self._timeouts: deque[float] = deque(maxlen=TIMEOUTS)
        self._lock = threading.Lock()  # of state changes; nobody logs, let alone asks the server, while holding it

    @property
    def state(self) -> str:
        """ "closed", "open", or "half-open": a probe is on its way."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Would `allow` refuse? False as soon as a probe is due. Costs next to nothing and changes nothing."""
        return self._state != "closed" and self._clock() < self._retry_at

    def allow(self) -> bool:
        """May this caller ask the server? Whoever gets True while it is not closed is the probe."""
        return self._state == "closed" or (not self.is_open and self._becomes_probe())

    def succeeded(self) -> None:
        """The server replied. Only the probe's reply closes it: one sent before it opened proves nothing."""
        if self._state == "closed":  # every reply of a healthy server comes by here: no lock
            return
        with self._lock:
            closes = self._state == "half-open"
            if closes:
                self._state = "closed"
        if closes:
            logger.info("Circuit breaker closed: Redis answers again.")

    def refused(self, why: str = "connection refused") -> None:
        """The server cannot be reached, or lets nobody in: open at once."""
        self._failed(why, lambda: True)

    def timed_out(self) -> None:
        """The server was silent for too long: open when it does that a third time within 5 s."""
        self._failed(f"{TIMEOUTS} timeouts within {TIMEOUT_WINDOW:.0f} s", self._timed_out_too_often)

    def lost(self) -> None:
        """A connection broke while in use. The server may have restarted, so the next connect decides."""
        self._failed("connection lost", lambda: False)

    def _becomes_probe(self) -> bool:
        with self._lock:
            if self.is_open:  # another thread was quicker
                return False
            if self._state != "closed":
                self._state = "half-open"
                self._pause()
            return True

    def _failed(self, why: str, opens: Callable[[], bool]) -> None:
        """What fails while it is open was sent before, and does not prolong it."""
        with self._lock:
            opening = self._state == "closed" and opens()
            if opening or self._state == "half-open":
                pause = self._pause()
                self._state = "open"
            self.opened += opening
        if opening:
            logger.warning("Circuit breaker open: Redis is left alone for %.1f s (%s).", pause, why)

    def _pause(self) -> float:
        """How long nobody is let through from now on."""
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
