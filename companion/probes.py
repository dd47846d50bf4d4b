"""/livez, /readyz and /metrics wait for no thread that strangers may keep busy: else an orchestrator would restart a
process because many ask for its pages.

The views say what is answered. This decides where: in the event loop if nobody has to be asked, else in threads of its
own.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections

from accounts.verification import is_known
from companion.monitoring import CHECKED, Checked, check

THREADS = 3  # one that checks, and two for scrapes
READS = {"GET", "HEAD"}


class Probes:
    """Answers probes. All who ask /readyz during a check share it, so one thread is enough for all."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="probe")
        self._checking: asyncio.Future[Checked] | None = None

    async def prepare(self, request: ASGIRequest) -> bool:
        """Find out what a probe asks for; return whether it can now be answered in the event loop."""
        if request.method not in READS:
            return False
        if request.path_info == "/readyz":
            request.scope[CHECKED] = await self._check()  # type: ignore[index]  # it is a dict
        return request.path_info in {"/livez", "/readyz"}

    async def _check(self) -> Checked:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().run_in_executor(self.threads, _check)
        return await asyncio.shield(self._checking)


def is_scrape(request: ASGIRequest) -> bool:
    """Whether it asks for metrics, with a key that was let in before: others wait like all strangers."""
    return request.path_info == "/metrics" and is_known(request.headers.get("Authorization", ""))


def _check() -> Checked:
    try:
        return check()
    finally:
        close_old_connections()
