"""Proxies that swallow what they should pass on, in front of a server of the tests.

A firewall that forgets silent connections then swallows what either side sends, FIN included. A pooler without a free
server for our sessions lets clients in, and their queries wait for ever.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

QUERY, PARSE = b"Q", b"P"  # how PostgreSQL's messages with a statement begin


class ForgetfulProxy:
    """Passes connections on to a port of this machine, and forgets those on which nothing was sent for `seconds`."""

    def __init__(self, target: int, seconds: float) -> None:
        self.target, self.seconds = target, seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = self.forgotten = 0  # where it listens, and how many connections it forgot while somebody sent
        self.forgets_before = 0.0  # the connections that began earlier

    def forget(self) -> None:
        """Forget all connections that there are."""
        self.forgets_before = time.monotonic()

    def forgets_at(self, data: bytes) -> bool:
        """Whether it forgets a connection on which this is sent."""
        return False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of ours: asyncio would report that it is cancelled at the end."""
        self._tasks.add(asyncio.ensure_future(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until both ends are gone, or for ever if it is forgotten."""
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        known = _Known(self)
        try:
            await asyncio.gather(known.pass_on(reader, back), known.pass_on(there, writer))
        finally:
            for each in (writer, back):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()


class _Known:
    """What the firewall knows of one connection."""

    def __init__(self, proxy: ForgetfulProxy) -> None:
        self._began = self._heard = time.monotonic()
        self._proxy, self._is_forgotten = proxy, False

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one side sends until its end, or the other side's."""
        with suppress(OSError):
            while data := await reader.read(65536):
                if self._passes(data):
                    writer.write(data)
                    await writer.drain()
            if self._passes():
                writer.write_eof()

    def _passes(self, data: bytes = b"") -> bool:
        now = time.monotonic()
        is_due = now - self._heard > self._proxy.seconds or self._began < self._proxy.forgets_before
        is_due = is_due or self._proxy.forgets_at(data)
        if not self._is_forgotten and is_due:
            self._is_forgotten = True
            self._proxy.forgotten += 1
        self._heard = now
        return not self._is_forgotten


@contextmanager
def forgetful(target: int, seconds: float) -> Iterator[ForgetfulProxy]:
    """Run a proxy before the port `target` while the context lasts."""
    proxy = ForgetfulProxy(target, seconds)
    with running(proxy):
        yield proxy


@contextmanager
def running(proxy: ForgetfulProxy) -> Iterator[None]:
    """Run this proxy while the context lasts."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy.accept, "127.0.0.1", 0))
    proxy.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class QueueingPooler(ForgetfulProxy):
    """Passes on all that belongs to the login, and swallows what comes from the first statement on."""

    queues = True  # until set otherwise, for connections that are made afterwards

    def forgets_at(self, data: bytes) -> bool:
        """The first statement of a session."""
        return self.queues and data[:1] in {QUERY, PARSE}


@contextmanager
def queueing(target: int) -> Iterator[QueueingPooler]:
    """Run a pooler before the port `target` while the context lasts."""
    pooler = QueueingPooler(target, float("inf"))
    with running(pooler):
        yield pooler
