"""A write timeout: cuts off callers who do not read their answers. ASGI servers have none, so such callers could hold
every connection for ever.

The application cannot notice them, because it hands its answer to the server and is done. The kernel knows, of each
connection, what waits to be sent and how much the caller has acknowledged; and whether others wait to be accepted.
"""

import fcntl
import os
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

TICK_SECONDS = 0.25
SCAN_SECONDS = 10.0  # between two looks at every connection, while nobody waits to be accepted
WRITE_SECONDS = 30.0  # in which a caller has to take something
WRITE_SECONDS_WHEN_FULL = 0.75  # the same while others wait to be accepted
NOTHING = struct.pack("i", 0)
RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: the kernel throws away what was not sent
# Offsets in Linux's struct tcp_info: tcpi_unacked, which of a listener is how many wait, and tcpi_bytes_acked.
WAITING, ACKNOWLEDGED = 24, 120


class SlowReaders:
    """The connections on which something waits to be sent, and since when nothing of it was taken."""

    def __init__(self) -> None:
        self.cut_off = 0  # how many, for metrics
        self._stuck: dict[tuple[int, object], tuple[int, float]] = {}  # by descriptor and peer: acknowledged, since
        self._listeners: dict[int, int] = {}  # ports by descriptor: a duplicate would go on listening when it closes
        self._scan_at = 0.0

    def start(self) -> None:
        """Look every TICK_SECONDS, in a thread of its own. Only on Linux: no other kernel says enough."""
        if sys.platform == "linux":
            threading.Thread(target=self._run, name="slow readers", daemon=True).start()

    def collect(self) -> "Iterable[Metric]":
        """For prometheus-client's registry."""
        from prometheus_client.core import CounterMetricFamily  # here, because it takes 50 ms

        name, what = "companion_slow_readers_cut_off", "Callers cut off who took nothing of an answer."
        return [CounterMetricFamily(name, what, value=self.cut_off)]

    def _run(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Cut off whoever has taken nothing for too long. `now` is in seconds of a monotonic clock."""
        if not self._listeners:
            if now < self._scan_at:
                return
            self._scan_at = now + 1  # a server listens soon, and another process never
            self._find_listeners()
        full = any(map(_count_waiting, self._listeners))
        if full or now >= self._scan_at:
            self._scan_at = now + SCAN_SECONDS
            self._scan(now, WRITE_SECONDS_WHEN_FULL if full else WRITE_SECONDS)

    def _find_listeners(self) -> None:
        for descriptor, found in _sockets():
            with found:
                if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    self._listeners[descriptor] = found.getsockname()[1]

    def _scan(self, now: float, seconds: float) -> None:
        before, self._stuck = self._stuck, {}
        for descriptor, connection in _sockets(with_something_to_send=True):
            with connection, suppress(OSError):  # it may end while we look
                if connection.getsockname()[1] in self._listeners.values():
                    key = descriptor, connection.getpeername()
                    acknowledged, since = _tcp_info(connection, "Q", ACKNOWLEDGED), now
                    if key in before and before[key][0] == acknowledged:
                        since = before[key][1]
                    self._stuck[key] = acknowledged, since
                    if now - since >= seconds:
                        self._cut_off(connection)

    def _cut_off(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.shutdown(socket.SHUT_RDWR)  # the server finds it broken, and closes it
        self.cut_off += 1


slow_readers = SlowReaders()


def _sockets(*, with_something_to_send: bool = False) -> Iterator[tuple[int, socket.socket]]:
    """TCP sockets of this process by descriptor: duplicates, which may be closed."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # no socket, or closed meanwhile
            if with_something_to_send and fcntl.ioctl(int(name), termios.TIOCOUTQ, NOTHING) == NOTHING:
                continue
            found = _duplicate(int(name))
            if found.family in {socket.AF_INET, socket.AF_INET6} and found.type == socket.SOCK_STREAM:
                yield int(name), found
            else:
                found.close()


def _duplicate(descriptor: int) -> socket.socket:
    """Raises OSError if it is no socket, and then leaves no duplicate open."""
    duplicate = os.dup(descriptor)
    try:
        return socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        raise


def _count_waiting(listener: int) -> int:
    """How many connections nobody has accepted yet; 0 if it listens no longer."""
    with suppress(OSError), _duplicate(listener) as found:
        if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return _tcp_info(found, "I", WAITING)
    return 0


def _tcp_info(found: socket.socket, kind: str, offset: int) -> int:
    value: int = struct.unpack_from(kind, found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), offset)[0]
    return value
