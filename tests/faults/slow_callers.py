"""Callers who hold a connection and do next to nothing with it, each in a way of its own."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import httpx

PAUSE = 0.3  # seconds between two turns of a caller
PIPELINED = 40
BUNDLE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"  # more than a megabyte
HOST = "Host: 127.0.0.1\r\n"
ASK = f"GET {BUNDLE} HTTP/1.1\r\n{HOST}\r\n".encode() * PIPELINED
POLL = f"GET /livez HTTP/1.1\r\n{HOST}\r\n".encode()
FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n"
MESSAGES = "/api/v1/conversations/00000000-0000-0000-0000-000000000001/messages/"
JSON = "Content-Type: application/json\r\nContent-Length: 1048576\r\n"


class Kind(NamedTuple):
    """How such a caller begins, and what it does again and again."""

    begin: Callable[[socket.socket], object]
    go_on: Callable[[socket.socket], object] = lambda _: None
    buffer: int | None = None  # bytes that the caller's kernel takes without being asked


def _ask_and_half_close(caller: socket.socket) -> None:
    caller.send(ASK)
    caller.shutdown(socket.SHUT_WR)


def _poll(caller: socket.socket) -> None:
    caller.recv(4096)
    caller.send(POLL)


KINDS = {
    "ask for little, again and again": Kind(lambda caller: caller.send(POLL), _poll),
    "pipeline and never read": Kind(lambda caller: caller.send(ASK)),
    "pipeline and read 7 kB a second": Kind(lambda caller: caller.send(ASK), lambda caller: caller.recv(2000), 2304),
    "pipeline, close their half and never read": Kind(_ask_and_half_close),
    "send nothing": Kind(lambda _: None),
    "send headers byte by byte": Kind(
        lambda caller: caller.send(b"GET /livez HTTP/1.1\r\nX: "), lambda caller: caller.send(b"x")
    ),
    "send a body byte by byte": Kind(
        lambda caller: caller.send(f"POST /accounts/login/ HTTP/1.1\r\n{HOST}{FORM}\r\n".encode()),
        lambda caller: caller.send(b"x"),
    ),
    "send a body at 20 kB a second": Kind(
        lambda caller: caller.send(f"POST {MESSAGES} HTTP/1.1\r\n{HOST}{JSON}\r\n".encode()),
        lambda caller: caller.send(b" " * 6144),
    ),
}


@contextmanager
def slow_callers(url: httpx.URL, kind: Kind, count: int) -> Iterator[None]:
    """So many at a time; whoever is cut off comes back."""
    with ExitStack() as opened:
        callers = [Caller(url, kind) for _ in range(count)]
        ended = threading.Event()
        thread = threading.Thread(target=_go_on, args=(callers, ended))
        thread.start()
        for caller in callers:
            opened.callback(caller.close)
        opened.callback(thread.join)
        opened.callback(ended.set)
        yield


class Caller:
    """One of them."""

    def __init__(self, url: httpx.URL, kind: Kind) -> None:
        self._address, self._kind = (url.host, url.port or 80), kind
        self._call()

    def _call(self) -> None:
        self._connection = socket.socket()
        if self._kind.buffer:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._kind.buffer)
        self._connection.settimeout(20)
        self._connection.connect(self._address)
        self._connection.setblocking(False)
        self._kind.begin(self._connection)

    def go_on(self) -> None:
        """Take a turn, on a new connection if the old one has ended. Raises OSError if there is none to be had."""
        with suppress(BlockingIOError):
            if self._has_ended():
                self.close()
                self._call()
            else:
                self._kind.go_on(self._connection)

    def _has_ended(self) -> bool:
        try:
            return not self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._connection.close()


def _go_on(callers: list[Caller], ended: threading.Event) -> None:
    while not ended.wait(PAUSE):
        for caller in callers:
            with suppress(OSError):
                caller.go_on()
