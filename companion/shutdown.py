"""SIGTERM drains this process: first /readyz says so, then running requests end, and only then nobody is let in.

By itself a server stops listening at once, while load balancers still send it callers for some seconds.
"""

import asyncio
import logging
import signal
from contextlib import suppress

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from django.conf import settings

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
CLOSE = (b"connection", b"close")


class Shutdown:
    """Whether this process is draining, and how many requests are under way in it."""

    def __init__(self) -> None:
        self.begun = False
        self.under_way = 0  # hot reads aside, which end in the moment in which they begin
        self._has_signal = False
        self._draining: asyncio.Task[None] | None = None

    def take_signal(self) -> None:
        """Take SIGTERM over from the server in whose event loop this is called. SIGINT still stops it at once."""
        if self._has_signal:
            return
        self._has_signal = True
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; a loop of another thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._begin)

    def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            logger.info("SIGTERM: no longer ready; %d requests are under way.", self.under_way)
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        notice = min(settings.SHUTDOWN_NOTICE_SECONDS, settings.SHUTDOWN_GRACE_SECONDS)
        await asyncio.sleep(notice)
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.SHUTDOWN_GRACE_SECONDS - notice):
                while self.under_way:
                    await asyncio.sleep(POLL_SECONDS)
        signal.raise_signal(signal.SIGINT)  # what still runs ends as it always did


shutdown = Shutdown()


class Draining:
    """Wraps an ASGI application: counts its requests, and asks callers to go elsewhere while this process drains."""

    def __init__(self, application: ASGI3Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on."""
        shutdown.take_signal()  # here, as a server without lifespan events calls nothing else in its event loop
        shutdown.under_way += 1
        try:
            await self.application(scope, receive, _closing(send) if shutdown.begun else send)
        finally:
            shutdown.under_way -= 1


def _closing(send: ASGISendCallable) -> ASGISendCallable:
    """Close the connection after the answer: a caller who kept it would be cut off with its next request."""

    async def send_and_close(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], CLOSE]}
        await send(event)

    return send_and_close
