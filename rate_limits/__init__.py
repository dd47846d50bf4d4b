"""Rate limits by GCRA, counted in Redis for all processes together; while Redis is away, each process admits its share.

Apps call `limiter.aadmit_all` with the limits that `gcra.limits_of` builds, and send `limiter.headers` with the answer.
Knows no app. It is not called `limits` because a library on PyPI is.
"""
