"""What one process knows of the limits: what Redis last told it, and what it admitted while Redis was away."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from rate_limits.gcra import MICROSECONDS, Limit, Verdict, fits, judge, most_restrictive
from rate_limits.redis import Claim
from resilience.clock import clock as monotonic_clock

CAPACITY = 10_000  # subjects; beyond that the least recently used one is forgotten
# The whole limit may have been used through Redis a moment before it went away. So this part of a share is available at
# once and the rest as time passes: all processes together never admit more than 1.2 times the limit.
AVAILABLE_AT_ONCE = 0.2
BLIP = MICROSECONDS  # an outage this short admits no more than that, so Redis alone may decide again right after it


class Backlog:
    """What this process knows about one subject. Moments are on its own clock, in microseconds."""

    __slots__ = ("_shrinks_from", "_unreported", "redis_until", "share_until")

    def __init__(self) -> None:
        """Nothing was admitted yet."""
        self.redis_until = 0  # when the limit is completely unused again, according to Redis
        self.share_until = 0  # when this process's share of it is
        self._unreported = 0  # admitted here and not yet in Redis
        self._shrinks_from = 0

    def unreported(self, now: int) -> int:
        """What was admitted here and Redis does not know of, less what has drained since; in microseconds."""
        return max(self._unreported - max(now - self._shrinks_from, 0), 0)

    def add_unreported(self, amount: int, now: int, shrinks_from: int) -> None:
        """Count `amount` as admitted here. It drains from `shrinks_from` on; until then only Redis's backlog does."""
        self._unreported = self.unreported(now) + amount
        self._shrinks_from = max(now, shrinks_from, self._shrinks_from)

    def mark_reported(self) -> None:
        """Redis is being told about everything that was admitted here."""
        self._unreported = 0


class LocalLimiter:
    """Thread-safe. While Redis is away it admits one `workers`th of each limit, this process's share.

    When Redis is back it is told what was admitted meanwhile and what it last said itself, because it may come back
    empty. Other processes may not have reported yet, so for one more window the share is enforced beside Redis.
    """

    def __init__(self, clock: Callable[[], float] = monotonic_clock, capacity: int = CAPACITY) -> None:
        """`clock` returns seconds that never go back."""
        self.clock, self._capacity = clock, capacity
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if the process had just started."""
        self._lock = threading.Lock()
        self._backlogs: OrderedDict[str, Backlog] = OrderedDict()
        self._lost_at: int | None = None  # when Redis was found to be away; None while it answers
        self._back_at: int | None = None  # when it was found to answer again after more than a blip

    def now(self) -> int:
        """The clock in whole microseconds."""
        return int(self.clock() * MICROSECONDS)

    def take_claims(self, limits: Sequence[Limit], workers: int) -> list[Claim]:
        """What to tell Redis. It counts as reported from now on: call `return_claims` unless Redis answers."""
        with self._lock:
            now, backlogs = self.now(), [self._backlog_of(limit) for limit in limits]
            claims = [Claim(max(each.redis_until - now, 0), each.unreported(now) // workers) for each in backlogs]
            for each in backlogs:
                each.mark_reported()
        return claims

    def return_claims(self, limits: Sequence[Limit], claims: Sequence[Claim], workers: int) -> None:
        """Redis may not have received the claims. If it did, this errs towards refusing."""
        with self._lock:
            now = self.now()
            for limit, claim in zip(limits, claims, strict=True):
                amount, shrinks_from = claim.unreported * workers, self._shrinks_from(limit, now)
                self._backlog_of(limit).add_unreported(amount, now, shrinks_from)

    def mark_redis_away(self) -> None:
        """Redis did not answer. Only the first of several calls in a row counts."""
        with self._lock:
            self._lost_at = self.now() if self._lost_at is None else self._lost_at

    def record_reply(self, limits: Sequence[Limit], backlogs: Sequence[int], asked_at: int) -> None:
        """Redis answered with these backlogs in microseconds; it was asked at `asked_at` or later."""
        with self._lock:
            if self._lost_at is not None and self.now() - self._lost_at > BLIP:
                self._back_at = self.now()
            self._lost_at = None
            for limit, duration in zip(limits, backlogs, strict=True):
                backlog = self._backlog_of(limit)
                backlog.redis_until = max(backlog.redis_until, asked_at + duration)

    def may_redis_lack_reports(self, limits: Sequence[Limit], workers: int) -> bool:
        """Whether Redis came back less than a window ago, so that other processes may not have reported to it yet."""
        back_at = self._back_at
        return workers > 1 and back_at is not None and self.now() < back_at + max(limit.rate.full for limit in limits)

    def admit(self, limits: Sequence[Limit], workers: int, *, shared: bool, report: bool = True) -> Verdict:
        """Decide by this process's share alone.

        `shared` says that a Redis exists, through which other processes may have been counting until now. With
        `report`, Redis is told later. Without it, Redis is asked right after this call: `refund` what it refuses.
        """
        with self._lock:
            now = self.now()
            if shared and report and self._lost_at is None:
                self._lost_at = now
            costs = [limit.rate.interval * workers for limit in limits]
            requests = [
                (limit, self._backlog(limit, now, shared), cost) for limit, cost in zip(limits, costs, strict=True)
            ]
            allowed = all(fits(limit.rate, backlog, cost) for limit, backlog, cost in requests)
            if allowed:
                self._charge(requests, now, report)
        return most_restrictive(
            judge(allowed, limit.rate, backlog + allowed * cost, cost) for limit, backlog, cost in requests
        )

    def refund(self, limits: Sequence[Limit], workers: int) -> None:
        """Undo one `admit(…, report=False)`."""
        with self._lock:
            for limit in limits:
                self._backlog_of(limit).share_until -= limit.rate.interval * workers

    def _backlog(self, limit: Limit, now: int, shared: bool) -> int:
        known, until = self._backlog_of(limit), 0
        if shared and self._lost_at is not None:
            until = self._lost_at + int(limit.rate.full * (1 - AVAILABLE_AT_ONCE))
        return max(known.share_until, known.redis_until, until, now) - now

    def _charge(self, requests: Sequence[tuple[Limit, int, int]], now: int, report: bool) -> None:
        for limit, duration, cost in requests:
            backlog = self._backlog_of(limit)
            backlog.share_until = now + duration + cost
            backlog.add_unreported(cost * report, now, self._shrinks_from(limit, now))

    def _shrinks_from(self, limit: Limit, now: int) -> int:
        return now if self._lost_at is None else self._lost_at + limit.rate.full

    def _backlog_of(self, limit: Limit) -> Backlog:
        backlog = self._backlogs.pop(limit.subject, None) or Backlog()
        self._backlogs[limit.subject] = backlog  # moved to the end: the most recently used
        while len(self._backlogs) > self._capacity:
            self._backlogs.popitem(last=False)
        return backlog


local_limiter = LocalLimiter()
os.register_at_fork(after_in_child=local_limiter.reset)
