"""May they? Exactly by the limit while Redis answers, by this process's share of it while it does not."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.conf import settings
from redis.exceptions import RedisError

from coherence.redis.pool import BreakerPool, pool_of
from rate_limits.gcra import Verdict, judge, nearest
from rate_limits.limits import Limit
from rate_limits.process import process
from rate_limits.rate import Rate
from rate_limits.redis import ask

THREADS = 8  # more would but wait for the GIL: Redis takes a tenth of a millisecond


def admit(subject: str, rate: Rate) -> Verdict:
    """Count one request of `subject`, unless that would be too many. No fault of Redis is the caller's."""
    return admit_all([Limit(subject, rate)])


def admit_all(limits: Sequence[Limit]) -> Verdict:
    """The same of several limits, in one step: what one of them refuses is counted by none."""
    pool = _pool()
    shared = _by_redis(pool, limits) if pool else None
    return shared or _by_share(limits)


async def aadmit(subject: str, rate: Rate) -> Verdict:
    return await aadmit_all([Limit(subject, rate)])


async def aadmit_all(limits: Sequence[Limit]) -> Verdict:
    """In a thread, where Redis must be asked: the event loop does not wait."""
    if _pool() is None:
        return _by_share(limits)
    return await asyncio.get_running_loop().run_in_executor(_threads(), admit_all, limits)


def _pool() -> BreakerPool | None:
    """None while Redis need not be asked: there is none, or it failed moments ago."""
    pool = pool_of()
    return pool if pool and not pool.breaker.is_open else None


def _by_redis(pool: BreakerPool, limits: Sequence[Limit]) -> Verdict | None:
    """None when Redis does not answer, which the pool counts."""
    workers, asked = settings.WEB_WORKERS, process.now()
    if process.is_back_lately(limits, workers):
        verdict = process.admit(limits, workers, shared=True, owing=False)
        if not verdict.allowed:
            return verdict
    claims = process.claims(limits, workers)
    try:
        allowed, backlogs = ask(pool, limits, claims)
    except RedisError:
        process.owe(limits, claims, workers)
        return None
    process.heard(limits, backlogs, asked)
    verdicts = zip(limits, backlogs, strict=True)
    return nearest(judge(allowed, limit.rate, backlog, limit.rate.interval) for limit, backlog in verdicts)


def _by_share(limits: Sequence[Limit]) -> Verdict:
    return process.admit(limits, settings.WEB_WORKERS, shared=settings.REDIS_ENABLED)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="rate limit")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a child does not have the threads of its parent
