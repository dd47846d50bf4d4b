"""Admit a request or refuse it, and tell the caller: by Redis while it answers, else by this process's share."""

from asyncio import CancelledError
from collections.abc import Sequence
from math import ceil

from django.conf import settings
from redis.exceptions import RedisError

from rate_limits.gcra import Limit, Verdict, judge, most_restrictive
from rate_limits.local import local_limiter
from rate_limits.redis import ask
from resilience.redis_pool import BreakerPool, pool_of


async def aadmit_all(limits: Sequence[Limit]) -> Verdict:
    """Count one request against all `limits`, or against none of them if any is exhausted.

    Never raises because of Redis, and never blocks the event loop while Redis is slow.
    """
    pool = _pool()
    verdict = await _by_redis_and_share(pool, limits) if pool else None
    return verdict or local_limiter.admit(limits, settings.WEB_WORKERS, shared=settings.REDIS_ENABLED)


def headers(verdict: Verdict) -> dict[str, str]:
    """The response headers that tell a caller about their limit; with `Retry-After` if the request was refused.

    `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers-10. The other three follow its
    revision 06, which today's clients read. Seconds are rounded up, so that a retry is never too early.
    """
    reset = ceil(verdict.reset_seconds)
    values = {
        "RateLimit-Policy": f'"default";q={verdict.limit};w={verdict.window}',
        "RateLimit": f'"default";r={verdict.remaining};t={reset}',
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(reset),
    }
    return values if verdict.allowed else values | {"Retry-After": str(max(ceil(verdict.retry_after), 1))}


def _pool() -> BreakerPool | None:
    """None when Redis is switched off, or failed moments ago."""
    pool = pool_of()
    return pool if pool and not pool.breaker.is_open else None


async def _by_redis_and_share(pool: BreakerPool, limits: Sequence[Limit]) -> Verdict | None:
    """Redis decides, together with the share while Redis may lack reports. None when Redis does not answer."""
    workers = settings.WEB_WORKERS
    if not local_limiter.may_redis_lack_reports(limits, workers):
        return await _by_redis(pool, limits)
    verdict = local_limiter.admit(limits, workers, shared=True, report=False)
    return await _by_redis_or_refund(pool, limits) if verdict.allowed else verdict


async def _by_redis_or_refund(pool: BreakerPool, limits: Sequence[Limit]) -> Verdict | None:
    """A request that Redis refuses or does not answer is refunded to the share: it would be counted twice."""
    verdict = None
    try:
        verdict = await _by_redis(pool, limits)
    finally:
        if verdict is None or not verdict.allowed:
            local_limiter.refund(limits, settings.WEB_WORKERS)
    return verdict


async def _by_redis(pool: BreakerPool, limits: Sequence[Limit]) -> Verdict | None:
    """None when Redis does not answer, which the pool counts."""
    workers, asked_at = settings.WEB_WORKERS, local_limiter.now()
    claims = local_limiter.take_claims(limits, workers)
    try:
        allowed, backlogs = await ask(pool, limits, claims)
    except RedisError:
        local_limiter.mark_redis_away()
        local_limiter.return_claims(limits, claims, workers)
        return None
    except CancelledError:
        local_limiter.return_claims(limits, claims, workers)
        raise
    local_limiter.record_reply(limits, backlogs, asked_at)
    pairs = zip(limits, backlogs, strict=True)
    return most_restrictive(judge(allowed, limit.rate, backlog, limit.rate.interval) for limit, backlog in pairs)
