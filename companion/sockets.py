"""The TCP sockets of this process, and what Linux's kernel knows of them. No descriptor is opened once `prepare`
has been called: callers must be found and closed even when they have taken every descriptor.
"""

import errno
import fcntl
import os
import resource
import socket
import struct
import termios
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

MAX_DESCRIPTORS = 65_536  # that are looked through one by one, when they cannot be listed
# Offsets in Linux's struct tcp_info: tcpi_unacked, for a listener how many wait, and tcpi_bytes_acked, which
# tcpi_bytes_received follows.
WAITING, BYTES = 24, 120


@cache
def prepare() -> tuple[int, int]:
    """Two descriptors for good: of /dev/null, and the place for a duplicate of what is looked at."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    return nothing, os.dup(nothing)


def sockets(*, with_something_to_send: bool = False) -> Iterator[tuple[int, socket.socket]]:
    """TCP sockets of this process by descriptor; each valid until the next. For one thread at a time."""
    for descriptor in _descriptors():
        with suppress(OSError):  # no socket, or closed meanwhile
            if with_something_to_send and not count_bytes(descriptor, termios.TIOCOUTQ):
                continue
            with duplicate(descriptor) as found:
                if found.family in {socket.AF_INET, socket.AF_INET6} and found.type == socket.SOCK_STREAM:
                    yield descriptor, found


@contextmanager
def duplicate(descriptor: int) -> Iterator[socket.socket]:
    """The socket, which stays the same even if its owner closes it meanwhile. Raises OSError if it is none."""
    nothing, place = prepare()
    os.dup2(descriptor, place, inheritable=False)
    try:
        found = socket.socket(fileno=place)
        try:
            yield found
        finally:
            found.detach()
    finally:
        os.dup2(nothing, place, inheritable=False)


def count_bytes(descriptor: int, which: int) -> int:
    """How many wait: to be acknowledged (TIOCOUTQ) or to be read (FIONREAD). Raises OSError if it is no socket."""
    count: int = struct.unpack("i", fcntl.ioctl(descriptor, which, bytes(4)))[0]
    return count


def count_waiting(listener: int) -> int:
    """How many connections nobody has accepted yet; 0 if it listens no longer."""
    with suppress(OSError), duplicate(listener) as found:
        if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return tcp_info(found, "I", WAITING)[0]
    return 0


def tcp_info(found: socket.socket, kind: str, offset: int) -> tuple[int, ...]:
    """Fields of Linux's struct tcp_info; `kind` is a format of `struct`."""
    return struct.unpack_from(kind, found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), offset)


def _descriptors() -> Iterable[int]:
    """This process's descriptors; all possible ones if none is left to list them with."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError as error:
        if error.errno not in {errno.EMFILE, errno.ENFILE}:
            raise
    return range(min(MAX_DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
