"""The limits that all processes share: one Lua script, atomic, on Redis's own clock."""

from collections.abc import Sequence
from hashlib import sha1
from typing import NamedTuple

from django.conf import settings
from redis.exceptions import NoScriptError

from rate_limits.gcra import Limit
from resilience.redis_async import pool_of_running_loop
from resilience.redis_pool import BreakerPool

# A key holds the moment at which its limit is completely unused again; without a key it is unused now. What processes
# admitted on their own can overfill it by a fifth. Anything beyond that was written under another rate, or before the
# clock was set back, and must not lock anybody out for longer.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local backlogs, kept, admitted = {}, {}, 1
for i, key in ipairs(KEYS) do
  local interval, full = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  kept[i] = math.max((tonumber(redis.call('GET', key)) or now) - now, 0)
  backlogs[i] = math.min(math.max(kept[i], tonumber(ARGV[4 * i - 1])) + tonumber(ARGV[4 * i]), math.floor(full * 6 / 5))
  if backlogs[i] + interval > full then admitted = 0 end
end
for i, key in ipairs(KEYS) do
  backlogs[i] = backlogs[i] + admitted * ARGV[4 * i - 3]
  if backlogs[i] ~= kept[i] then
    redis.call('SET', key, string.format('%.0f', now + backlogs[i]), 'PX', math.ceil(backlogs[i] / 1000))
  end
end
return {admitted, unpack(backlogs)}
"""
SCRIPT_SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # the name under which Redis caches it


class Claim(NamedTuple):
    """What a process knows about a backlog and Redis may not, in microseconds: it is `at_least` that large, and
    `unreported` is to be added to it.
    """

    at_least: int
    unreported: int


async def ask(pool: BreakerPool, limits: Sequence[Limit], claims: Sequence[Claim]) -> tuple[bool, list[int]]:
    """Count one request against all `limits`, or against none of them if any is exhausted.

    Returns whether it was admitted and each limit's backlog in microseconds, including the request if it was admitted.
    Raises RedisError.
    """
    keys = [f"{settings.REDIS_KEY_PREFIX}limit:{limit.subject}" for limit in limits]
    pairs = zip(limits, claims, strict=True)
    numbers = [number for limit, claim in pairs for number in (limit.rate.interval, limit.rate.full, *claim)]
    admitted, *backlogs = await _run(pool, len(keys), *keys, *numbers)
    return bool(admitted), backlogs


async def _run(pool: BreakerPool, *arguments: str | int) -> list[int]:
    redis = await pool_of_running_loop(pool)
    try:
        reply: list[int] = await redis.execute("EVALSHA", SCRIPT_SHA, *arguments)
    except NoScriptError:  # Redis restarted, or its scripts were flushed
        reply = await redis.execute("EVAL", SCRIPT, *arguments)
    return reply
