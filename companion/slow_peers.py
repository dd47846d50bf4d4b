"""Timeouts and a minimum rate for callers who hardly read or write. ASGI servers have none for either, so such callers
could hold every connection for ever.

The application cannot notice them, because it hands its answer to the server and is done. The kernel knows, of each
connection, what waits to be sent and how much the caller has acknowledged and sent; and whether others wait to be
accepted. Only then does slowness do harm: while others wait, every caller has to read and write at the minimum rate.
"""

import asyncio
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from asgiref.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, HTTPScope

from companion.service_threads import start_service
from companion.sockets import BYTES, count_bytes, count_waiting, duplicate, prepare, sockets, tcp_info
from rest.asgi import HttpMiddleware

if TYPE_CHECKING:
    from prometheus_client.core import Metric

TICK_SECONDS = 0.25
SCAN_SECONDS = 10.0  # between two looks at every connection, while nobody waits to be accepted
WRITE_SECONDS = 30.0  # in which a caller has to take something
SECONDS_WHEN_FULL = 0.75  # in which, while others wait to be accepted, it has to be MIN_PROGRESS_BYTES
MIN_PROGRESS_BYTES = 12 * 1024  # that is 16 KiB a second
LOOP_SECONDS = 10.0  # how long to wait for the event loop
RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: the kernel throws away what was not sent

Key = tuple[int, tuple[str, int]]  # descriptor and peer


class Progress(NamedTuple):
    """The progress of a connection on which the server waits for the caller."""

    pending: int  # bytes to be taken; without any, the caller owes a request or the rest of one
    acknowledged: int  # bytes of answers
    received: int  # bytes of requests
    since: float

    def after(self, before: "Progress", least: int) -> "Progress":
        """What to count from: still `before`, unless the caller has done enough since then."""
        taken, sent = self.acknowledged - before.acknowledged, self.received - before.received
        if self.pending:
            return self if taken >= min(least, before.pending) else before
        return self if taken or sent >= least else before  # whoever has taken all of an answer may ask again


class SlowPeers:
    """The connections on which the server waits for the caller, and their progress."""

    def __init__(self) -> None:
        self.cut_off = 0  # how many, for metrics
        self.is_full = False  # others have been waiting to be accepted: none should be kept
        self.answering: set[tuple[str, int]] = set()  # peers whose request has arrived: now they wait
        self.loop: asyncio.AbstractEventLoop | None = None  # in which requests begin
        self._progress: dict[Key, Progress] = {}
        self._listeners: dict[int, int] = {}  # ports by descriptor: a duplicate would go on listening when it closes
        self._scan_at = 0.0
        self._full_since: float | None = None

    def start(self) -> None:
        """Look every TICK_SECONDS, in a thread of its own. Only on Linux: no other kernel says enough."""
        if sys.platform == "linux":
            prepare()
            start_service("slow peers", self._turn)

    def collect(self) -> "Iterable[Metric]":
        """The count of callers cut off, as prometheus-client's registry asks for it."""
        from prometheus_client.core import CounterMetricFamily  # here, because it takes 50 ms

        name, what = "companion_slow_readers_cut_off", "Callers cut off who read or wrote too slowly."
        return [CounterMetricFamily(name, what, value=self.cut_off)]

    def _turn(self) -> None:
        time.sleep(TICK_SECONDS)
        self._let_requests_begin()
        self.look(time.monotonic())

    def _let_requests_begin(self) -> None:
        """Callers whose requests wait for a busy event loop must not look slow."""
        if self.loop:
            begun = threading.Event()
            with suppress(RuntimeError):  # it is closed, as the server stops
                self.loop.call_soon_threadsafe(begun.set)
                begun.wait(LOOP_SECONDS)

    def look(self, now: float) -> None:
        """Cut off whoever has been too slow for too long. `now` is in seconds of a monotonic clock."""
        if not self._listeners:
            if now < self._scan_at:
                return
            self._scan_at = now + 1  # a server listens soon, and another process never
            self._find_listeners()
        waiting = sum(map(count_waiting, self._listeners))
        self._full_since = None if not waiting else self._full_since or now
        self.is_full = self._full_since is not None and now - self._full_since >= SECONDS_WHEN_FULL
        if waiting or now >= self._scan_at:
            self._scan_at = now + SCAN_SECONDS
            self._scan(now, waiting)
            self._end_slow(now, waiting)

    def _find_listeners(self) -> None:
        for descriptor, found in sockets():
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                self._listeners[descriptor] = found.getsockname()[1]

    def _scan(self, now: float, waiting: int) -> None:
        before, self._progress = self._progress, {}
        for descriptor, connection in sockets(with_something_to_send=not waiting):
            with suppress(OSError):  # it may end while we look
                if connection.getsockname()[1] in self._listeners.values():
                    key = descriptor, _address(connection.getpeername())
                    if found := self._find_progress(connection, key[1], now):
                        least = MIN_PROGRESS_BYTES if waiting else 1
                        self._progress[key] = found.after(before.get(key, found), least)

    def _find_progress(self, connection: socket.socket, peer: tuple[str, int], now: float) -> Progress | None:
        """How far the caller has come with reading or writing; None if the caller waits for us."""
        pending = count_bytes(connection.fileno(), termios.TIOCOUTQ)
        if not pending and (peer in self.answering or count_bytes(connection.fileno(), termios.FIONREAD)):
            return None
        acknowledged, received = tcp_info(connection, "QQ", BYTES)
        return Progress(pending, acknowledged, received, now)

    def _end_slow(self, now: float, waiting: int) -> None:
        """While the server is full, only as many as others wait: the longest slow first."""
        seconds = SECONDS_WHEN_FULL if self.is_full else WRITE_SECONDS
        slow = [key for key, progress in self._progress.items() if now - progress.since >= seconds]
        slow.sort(key=lambda key: self._progress[key].since)
        for descriptor, peer in slow[: waiting if self.is_full else None]:
            with suppress(OSError), duplicate(descriptor) as connection:
                if _address(connection.getpeername()) == peer:
                    self._cut_off(connection)

    def _cut_off(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.shutdown(socket.SHUT_RDWR)  # the server finds it broken, and closes it
        self.cut_off += 1


slow_peers = SlowPeers()


class Answering(HttpMiddleware):
    """Tells `slow_peers` whose request is being answered, and when that waits for the rest of a body."""

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on, and say for how long it is being answered."""
        if not scope["client"]:  # on a Unix socket
            await self.application(scope, receive, send)
            return
        peer = _address(scope["client"])
        slow_peers.loop = asyncio.get_running_loop()
        slow_peers.answering.add(peer)
        try:
            await self.application(scope, _telling(receive, peer), send)
        finally:
            slow_peers.answering.discard(peer)


def _telling(receive: ASGIReceiveCallable, peer: tuple[str, int]) -> ASGIReceiveCallable:
    """Once the body has ended, `receive` waits for nothing that the caller owes."""
    has_ended = False

    async def receive_and_tell() -> ASGIReceiveEvent:
        nonlocal has_ended
        if not has_ended:
            slow_peers.answering.discard(peer)
        event = await receive()
        has_ended = has_ended or not event.get("more_body")
        slow_peers.answering.add(peer)
        return event

    return receive_and_tell


def _address(name: tuple[str, int, *tuple[int, ...]]) -> tuple[str, int]:
    """Host and port, without the zone of an IPv6 address, which not everybody knows."""
    return str(name[0]).partition("%")[0], name[1]
