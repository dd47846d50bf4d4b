"""SIGTERM drains this process: first /readyz says so, then running requests end, and only then nobody is let in.

By itself a server stops listening at once, while load balancers still send it callers for some seconds. And it may not
hear a signal at all while it starts. So SIGTERM is no longer the server's, but a thread's that waits for nothing else.
"""

import logging
import os
import signal
import threading
import time
from multiprocessing import parent_process

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from django.conf import settings

from companion.slow_peers import slow_peers

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
WATCH_SECONDS = 1.0  # how long a worker outlives its server before it begins to drain
AGAIN_SECONDS = 1.0
CLOSE = (b"connection", b"close")


class Shutdown:
    """Whether this process is draining, and how many requests are under way in it."""

    def __init__(self) -> None:
        self.begun = False
        self.under_way = 0  # except hot reads, which end as soon as they begin

    def hold(self) -> None:
        """Let SIGTERM wait in the kernel, where it is not lost, until `start`. SIGINT still stops the server at once.

        In the calling thread, which should be the main one, and in those that it starts from now on.
        """
        if hasattr(signal, "pthread_sigmask"):  # not on Windows
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            os.register_at_fork(after_in_child=_release)
            if _came_before():
                os.kill(os.getpid(), signal.SIGTERM)

    def start(self) -> None:
        """Drain at SIGTERM, and when the server whose worker this process is has ended without a word."""
        if hasattr(signal, "sigwait"):
            threading.Thread(target=self._run, name="shutdown", daemon=True).start()
            if parent_process():
                threading.Thread(target=_watch_server, name="server watch", daemon=True).start()

    def _run(self) -> None:
        signal.sigwait({signal.SIGTERM})
        self.begun = True
        logger.info("SIGTERM: no longer ready; %d requests are under way.", self.under_way)
        self._drain()
        self._stop_server()

    def _drain(self) -> None:
        deadline = time.monotonic() + settings.SHUTDOWN_GRACE_SECONDS
        time.sleep(min(settings.SHUTDOWN_NOTICE_SECONDS, settings.SHUTDOWN_GRACE_SECONDS))
        while self.under_way and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _stop_server(self) -> None:
        """What still runs ends as it always did. A server whose event loop does not run yet may miss a signal."""
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            time.sleep(AGAIN_SECONDS)
            if not self.under_way:  # at a second signal some servers cut off what runs
                os.kill(os.getpid(), signal.SIGINT)


shutdown = Shutdown()


class Draining:
    """Wraps an ASGI application: counts its requests, and ends connections with them while this process drains or is
    full.
    """

    def __init__(self, application: ASGI3Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on, counted as under way. The connection ends with it while the server drains or is full."""
        shutdown.under_way += 1
        try:
            await self.application(scope, receive, _closing(send) if shutdown.begun or slow_peers.is_full else send)
        finally:
            shutdown.under_way -= 1


def _closing(send: ASGISendCallable) -> ASGISendCallable:
    """Close the connection after the answer: a caller who kept it would be cut off with its next request."""

    async def send_and_close(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], CLOSE]}
        await send(event)

    return send_and_close


def _release() -> None:
    """In a process that forks off this one, where no thread waits for the signal."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _came_before() -> bool:
    """Whether granian has had the signal. Its new worker handles it as the main process does: it notes that somebody
    wants to stop, but nobody in a worker reads the note.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "interrupt_signal", False))


def _watch_server() -> None:
    """Send this process SIGTERM once its server is gone: its parent is then another process."""
    server = parent_process()
    while server and os.getppid() == server.pid:
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
