"""How often somebody may do something: GCRA, counted in Redis for all processes, and in each for its share without.

`limiter.aadmit_all` is what an app asks, `limits.limits_of` says whose limits those are, `headers.headers` tells the
caller. Knows no app. Not called `limits`: that is a library.
"""
