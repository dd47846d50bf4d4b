"""What it was measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg
from redis import Redis

PACKAGES = ("django", "djangorestframework", "django-redis", "redis", "hiredis", "psycopg", "uvicorn", "uvloop",
            "granian", "fastapi", "django-cacheops", "django-cachalot", "django-waffle")  # fmt: skip


def describe() -> dict[str, str]:
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "servers": f"PostgreSQL {_postgresql()}, {_redis()}, on the same machine",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    """Linux does not tell it to platform."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _postgresql() -> str:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.info.parameter_status("server_version") or ""


def _redis() -> str:
    client: Any = Redis.from_url(os.environ["REDIS_URL"])
    with client:
        info = client.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
