"""FastAPI in the original's style: Redis at each request, decoded and encoded again. It lets everybody in."""

from typing import Any

from fastapi import FastAPI, HTTPException

from benchmarks.contenders.redis_clients import filled

cache = filled()


async def personality(name: str) -> dict[str, Any]:
    """Answer a configuration as JSON."""
    config = await cache.get_config(name)
    if config is None:
        raise HTTPException(404)
    return config


application = FastAPI()
application.add_api_route("/api/v1/personalities/{name}/", personality)
