"""The limits of all processes, in Redis: one step, on its clock."""

from collections.abc import Sequence
from hashlib import sha1
from typing import NamedTuple

from django.conf import settings
from redis.exceptions import NoScriptError

from rate_limits.limits import Limit
from resilience.redis_async import pool_of_running_loop
from resilience.redis_pool import BreakerPool

# A key holds the moment at which its limit is wholly unused again; without a key it is unused now. What processes have
# admitted by themselves can make it a fifth more than full. What is above that was written under another rate, or
# before the clock was set back: it must not keep anybody out for longer.
SOURCE = """
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
SHA = sha1(SOURCE.encode(), usedforsecurity=False).hexdigest()  # by which Redis knows it


class Claim(NamedTuple):
    """What a process knows of a backlog that Redis may not know: at least `heard`, and `owed` besides."""

    heard: int
    owed: int


async def ask(pool: BreakerPool, limits: Sequence[Limit], claims: Sequence[Claim]) -> tuple[bool, list[int]]:
    """Whether all the limits admit it; each one's backlog, with its cost in it if so. If not, it costs nothing.

    Raises RedisError.
    """
    keys = [f"{settings.REDIS_KEY_PREFIX}limit:{limit.subject}" for limit in limits]
    told = zip(limits, claims, strict=True)
    numbers = [number for limit, claim in told for number in (limit.rate.interval, limit.rate.full, *claim)]
    admitted, *backlogs = await _run(pool, len(keys), *keys, *numbers)
    return bool(admitted), backlogs


async def _run(pool: BreakerPool, *arguments: str | int) -> list[int]:
    redis = await pool_of_running_loop(pool)
    try:
        reply: list[int] = await redis.execute("EVALSHA", SHA, *arguments)
    except NoScriptError:  # it has restarted, or was told to forget scripts
        reply = await redis.execute("EVAL", SOURCE, *arguments)
    return reply
