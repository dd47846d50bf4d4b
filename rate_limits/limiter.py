"""May they? Exactly by the limit while Redis answers, by this process's share of it while it does not."""

from asyncio import CancelledError
from collections.abc import Sequence

from django.conf import settings
from redis.exceptions import RedisError

from rate_limits.gcra import Verdict, judge, nearest
from rate_limits.limits import Limit
from rate_limits.process import process
from rate_limits.redis import ask
from resilience.redis_pool import BreakerPool, pool_of


async def aadmit_all(limits: Sequence[Limit]) -> Verdict:
    """Count one request, unless that would be too many for any of the limits: then none of them counts it.

    No fault of Redis is the caller's, and the event loop does not wait for it.
    """
    pool = _pool()
    shared = await _by_both(pool, limits) if pool else None
    return shared or process.admit(limits, settings.WEB_WORKERS, shared=settings.REDIS_ENABLED)


def _pool() -> BreakerPool | None:
    """None while Redis need not be asked: there is none, or it failed moments ago."""
    pool = pool_of()
    return pool if pool and not pool.breaker.is_open else None


async def _by_both(pool: BreakerPool, limits: Sequence[Limit]) -> Verdict | None:
    """By Redis, and by the share as well while Redis may not know all. None when it does not answer."""
    workers = settings.WEB_WORKERS
    if not process.is_back_lately(limits, workers):
        return await _by_redis(pool, limits)
    verdict = process.admit(limits, workers, shared=True, owing=False)
    return await _by_redis_after_share(pool, limits) if verdict.allowed else verdict


async def _by_redis_after_share(pool: BreakerPool, limits: Sequence[Limit]) -> Verdict | None:
    """What Redis does not admit, or does not answer, is not of the share either: it would be counted twice."""
    verdict = None
    try:
        verdict = await _by_redis(pool, limits)
    finally:
        if verdict is None or not verdict.allowed:
            process.take_back(limits, settings.WEB_WORKERS)
    return verdict


async def _by_redis(pool: BreakerPool, limits: Sequence[Limit]) -> Verdict | None:
    """None when Redis does not answer, which the pool counts."""
    workers, asked = settings.WEB_WORKERS, process.now()
    claims = process.claims(limits, workers)
    try:
        allowed, backlogs = await ask(pool, limits, claims)
    except RedisError:
        process.lose()
        process.owe(limits, claims, workers)
        return None
    except CancelledError:
        process.owe(limits, claims, workers)
        raise
    process.heard(limits, backlogs, asked)
    verdicts = zip(limits, backlogs, strict=True)
    return nearest(judge(allowed, limit.rate, backlog, limit.rate.interval) for limit, backlog in verdicts)
