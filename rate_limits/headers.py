"""What a caller is told, for any framework.

`RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers-10. The three others are those of
its -06, which today's clients read.
"""

from math import ceil

from rate_limits.gcra import Verdict


def headers(verdict: Verdict) -> dict[str, str]:
    """For every answer; `Retry-After` as well where it is 429. Seconds are rounded up: earlier would be in vain."""
    reset = ceil(verdict.reset_seconds)
    told = {
        "RateLimit-Policy": f'"default";q={verdict.limit};w={verdict.window}',
        "RateLimit": f'"default";r={verdict.remaining};t={reset}',
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(reset),
    }
    return told if verdict.allowed else told | {"Retry-After": str(max(ceil(verdict.retry_after), 1))}
