"""What one process knows of the limits: what it heard from Redis, and what it admitted without."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from rate_limits.gcra import Verdict, fits, judge, nearest
from rate_limits.known import Known
from rate_limits.limits import Limit
from rate_limits.rate import MICROSECONDS
from rate_limits.redis import Claim
from resilience.clock import clock

CAPACITY = 10_000  # subjects; who has asked least lately is forgotten
# All of a limit may have been used through Redis a moment before it went away. This much of a share is left then, and
# the rest comes as time passes: so all processes together admit 1.2 times the limit at most, whatever was before.
LEFT = 0.2
BLIP = MICROSECONDS  # in so short an outage processes admit no more than that: Redis alone may decide at once again


class Process:
    """Thread-safe. Its share of a limit is a `workers`th, which it admits while Redis is away.

    When that is back it is told what was admitted, and what it said last, for it may come back empty. Others may not
    have told theirs yet, so that for another window nobody is admitted beyond the share either.
    """

    def __init__(self, clock: Callable[[], float] = clock, capacity: int = CAPACITY) -> None:
        self._clock, self._capacity = clock, capacity
        self.start_anew()

    def start_anew(self) -> None:
        """As a process that begins now. What those before it admitted is not known."""
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lost: int | None = None  # when Redis was found to be away; None while it is not
        self._back: int | None = None  # when it was found to be back, from more than a blip

    def now(self) -> int:
        return int(self._clock() * MICROSECONDS)

    def claims(self, limits: Sequence[Limit], workers: int) -> list[Claim]:
        """To tell Redis. What is owed is owed no more: `owe` it again unless Redis has answered."""
        with self._lock:
            now, known = self.now(), [self._of(limit) for limit in limits]
            claims = [Claim(max(each.heard - now, 0), each.owed(now) // workers) for each in known]
            for each in known:
                each.settle()
        return claims

    def lose(self) -> None:
        """Redis did not answer."""
        with self._lock:
            self._lost = self.now() if self._lost is None else self._lost

    def owe(self, limits: Sequence[Limit], claims: Sequence[Claim], workers: int) -> None:
        """Redis may not have been told. If it was, it is the caller who waits."""
        with self._lock:
            now = self.now()
            for limit, claim in zip(limits, claims, strict=True):
                self._of(limit).owe(claim.owed * workers, now, self._drains(limit, now))

    def heard(self, limits: Sequence[Limit], backlogs: Sequence[int], asked: int) -> None:
        """Redis answered; it was asked at that time, or later."""
        with self._lock:
            if self._lost is not None and self.now() - self._lost > BLIP:
                self._back = self.now()
            self._lost = None
            for limit, backlog in zip(limits, backlogs, strict=True):
                known = self._of(limit)
                known.heard = max(known.heard, asked + backlog)

    def is_back_lately(self, limits: Sequence[Limit], workers: int) -> bool:
        """Whether others may not have told Redis all yet."""
        back = self._back
        return workers > 1 and back is not None and self.now() < back + max(limit.rate.full for limit in limits)

    def admit(self, limits: Sequence[Limit], workers: int, *, shared: bool, owing: bool = True) -> Verdict:
        """By the share. `shared`: there is a Redis, which others may have been asking until now. Unless `owing`, it
        will be asked as well: `take_back` what it does not admit.
        """
        with self._lock:
            now = self.now()
            if shared and owing and self._lost is None:
                self._lost = now
            backlogs = [self._backlog(limit, now, shared) for limit in limits]
            costs = [limit.rate.interval * workers for limit in limits]
            told = list(zip(limits, backlogs, costs, strict=True))
            allowed = all(fits(limit.rate, backlog, cost) for limit, backlog, cost in told)
            if allowed:
                self._charge(told, now, owing)
        return nearest(judge(allowed, limit.rate, backlog + allowed * cost, cost) for limit, backlog, cost in told)

    def take_back(self, limits: Sequence[Limit], workers: int) -> None:
        """One request, which was admitted here without owing it."""
        with self._lock:
            for limit in limits:
                self._of(limit).due -= limit.rate.interval * workers

    def _backlog(self, limit: Limit, now: int, shared: bool) -> int:
        known, until = self._of(limit), 0
        if shared and self._lost is not None:
            until = self._lost + int(limit.rate.full * (1 - LEFT))
        return max(known.due, known.heard, until, now) - now

    def _charge(self, told: Sequence[tuple[Limit, int, int]], now: int, owing: bool) -> None:
        for limit, backlog, cost in told:
            known = self._of(limit)
            known.due = now + backlog + cost
            known.owe(cost * owing, now, self._drains(limit, now))

    def _drains(self, limit: Limit, now: int) -> int:
        return now if self._lost is None else self._lost + limit.rate.full

    def _of(self, limit: Limit) -> Known:
        known = self._known.pop(limit.subject, None) or Known()
        self._known[limit.subject] = known  # at the end: the latest
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return known


process = Process()
os.register_at_fork(after_in_child=process.start_anew)
