"""The original's class, in an event loop (uvloop)."""

from benchmarks.commands import Commands, timed
from benchmarks.original import filled
from benchmarks.subject import NAME


def commands() -> Commands:
    cache = filled()

    async def get_id() -> object:
        return await cache.get_id(NAME)

    async def get_config() -> object:
        return await cache.get_config(NAME)

    return timed(id=get_id, config=get_config)
