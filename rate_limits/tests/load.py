"""Load on the limiter: many requests at once in an event loop, also in several processes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from rate_limits.gcra import Limit, Rate, Verdict
from rate_limits.limiter import aadmit_all

RATE = Rate(30, 86400)  # none comes back during a test
Processes = list["subprocess.Popen[str]"]
SCRIPT = """
import sys
import django
from django.conf import settings

settings.CACHES["default"]["OPTIONS"] |= {"SOCKET_TIMEOUT": 20, "SOCKET_CONNECT_TIMEOUT": 20}
django.setup()
import asyncio
from resilience.redis_pool import pool_of
from rate_limits.tests.load import concurrently

pool_of().breaker.retry_after = (0, 0)  # so that Redis is noticed at once when it is back
with asyncio.Runner() as loop:
    for size in sys.stdin:
        print(sum(each.allowed for each in loop.run(concurrently(sys.argv[1], int(size)))), flush=True)
"""


async def concurrently(subject: str, times: int, rate: Rate = RATE) -> list[Verdict]:
    """Make `times` requests at once."""
    return await asyncio.gather(*[aadmit_all([Limit(subject, rate)]) for _ in range(times)])


async def in_turn(subject: str, times: int, rate: Rate = RATE) -> list[Verdict]:
    """Make `times` requests one after the other."""
    return [await aadmit_all([Limit(subject, rate)]) for _ in range(times)]


@contextmanager
def worker_processes(subject: str, settings: Any, size: int) -> Iterator[Processes]:
    """Start `size` processes that make requests when `request_from_all` tells them."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "companion.settings",
        "REDIS_URL": settings.REDIS_LOCATION,
        "REDIS_KEY_PREFIX": settings.REDIS_KEY_PREFIX,
        "WEB_WORKERS": str(size),
    }
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", SCRIPT, subject]
    with ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen(command, env=environment, **pipes)) for _ in range(size)]
        request_from_all(processes, 0)  # all have started
        yield processes


def request_from_all(processes: Processes, times: int = 50) -> int:
    """Let every process make `times` requests, all at the same time. Returns how many were admitted."""
    for process in processes:
        assert process.stdin
        process.stdin.write(f"{times}\n")
        process.stdin.flush()
    return sum(int(process.stdout.readline()) for process in processes if process.stdout)
