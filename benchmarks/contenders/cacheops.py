"""django-cacheops, which answers queries from Redis and forgets those that a save may have changed."""

import os

from benchmarks.commands import Commands
from benchmarks.contenders.rows import looked_up
from benchmarks.subject import SECONDS


def commands() -> Commands:
    profile = {"ops": {"get", "fetch"}, "timeout": SECONDS}
    return looked_up("cacheops", CACHEOPS_REDIS=os.environ["REDIS_URL"], CACHEOPS={"benchmarks.plain": profile})
