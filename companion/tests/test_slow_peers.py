"""Who is cut off, on real connections at times that the tests name; tests/faults/test_slow_peers.py has a server."""

import asyncio
import fcntl
import os
import resource
import socket
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from companion import slow_peers
from companion.slow_peers import SlowPeers
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what there is to know")
MUCH = b"x" * 8 * 1024**2  # more than lies in the buffers of both ends
FULL = 0.8  # seconds: longer than anybody may do nothing while others wait


class WatchedServer:
    """A server that has accepted one caller, whom `looking` watches; `crowd()` has others wait to be let in."""

    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened
        self.looking = SlowPeers()
        self._listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.caller = self._call()
        self.connection, _ = self._listener.accept()
        opened.enter_context(self.connection)
        self.connection.setblocking(False)
        self.looking.look(0)

    def _call(self) -> socket.socket:
        return self._opened.enter_context(socket.create_connection(self._listener.getsockname()))

    def crowd(self) -> None:
        """Somebody else waits to be let in."""
        self._call()

    def accept(self) -> socket.socket:
        """Let somebody else in."""
        return self._listener.accept()[0]

    def answer(self, much: bytes) -> None:
        """As much as the kernel takes."""
        self.connection.send(much)

    def read(self, size: int) -> None:
        """Take so much."""
        self.caller.recv(size, socket.MSG_WAITALL)

    def count(self, which: int) -> int:
        """Bytes that wait at the server's end: to be read (FIONREAD), or to be taken by the caller (TIOCOUTQ)."""
        waiting: int = struct.unpack("i", fcntl.ioctl(self.connection, which, bytes(4)))[0]
        return waiting

    def wait_for(self, pending: int) -> None:
        """Until the caller has acknowledged all but so much."""
        wait_until(lambda: self.count(termios.TIOCOUTQ) <= pending)

    def look(self, *times: float) -> int:
        """Look at these times; return how many were cut off in all."""
        for time in times:
            self.looking.look(time)
        return self.looking.cut_off


@pytest.fixture
def server() -> Iterator[WatchedServer]:
    with ExitStack() as opened:
        yield WatchedServer(opened)


def test_look__again_and_again__nothing_left_open(server: WatchedServer) -> None:
    before = len(os.listdir("/proc/self/fd"))
    server.crowd()
    for second in range(1, 20):
        server.looking.look(second * 20)
    assert len(os.listdir("/proc/self/fd")) <= before + 5  # other threads of the suite open some of their own


def test_look__no_descriptor_left__cuts_off_all_the_same(server: WatchedServer) -> None:
    server.crowd()
    before, own = resource.getrlimit(resource.RLIMIT_NOFILE), max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (own + 10, before[1]))
    taken = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        assert server.look(100, 100 + FULL) == 1
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_silent__others_wait__cut_off(server: WatchedServer) -> None:
    server.crowd()
    assert server.look(100, 100 + FULL) == 1


def test_silent__nobody_waits__kept(server: WatchedServer) -> None:
    assert server.look(100, 200, 300) == 0


def test_drip__others_wait__cut_off(server: WatchedServer) -> None:
    server.crowd()
    server.look(100)
    server.caller.send(b"GET")
    wait_until(lambda: server.connection.recv(3) == b"GET")
    assert server.look(100 + FULL) == 1


def test_body__arrives_fast_enough__kept(server: WatchedServer) -> None:
    server.crowd()
    server.look(100)
    server.caller.send(bytes(slow_peers.MIN_PROGRESS_BYTES))
    received = 0
    while received < slow_peers.MIN_PROGRESS_BYTES:
        wait_until(lambda: server.count(termios.FIONREAD))
        received += len(server.connection.recv(1 << 20))
    assert server.look(100 + FULL) == 0


def test_request__not_read_yet__kept(server: WatchedServer) -> None:
    """It is the server that is slow."""
    server.caller.send(b"GET / HTTP/1.1\r\n\r\n")
    wait_until(lambda: server.count(termios.FIONREAD))
    server.crowd()
    assert server.look(100, 101, 200) == 0


def test_request__being_answered__kept(server: WatchedServer) -> None:
    server.looking.answering.add(server.caller.getsockname())
    server.crowd()
    assert server.look(100, 101, 200) == 0


def test_answer__taken_now_and_then__kept_while_others_wait(server: WatchedServer) -> None:
    """A stream of small pieces."""
    server.crowd()
    for tenth in range(0, 50, 5):
        server.answer(b"piece")
        server.wait_for(0)
        server.look(100 + tenth / 10)
    assert server.looking.cut_off == 0


def test_answer__taken_a_little__cut_off_only_if_others_wait(server: WatchedServer) -> None:
    server.answer(MUCH)
    server.look(100)
    server.read(1000)
    assert server.look(120) == 0
    server.crowd()
    assert server.look(121, 121 + FULL) == 1


def test_answer__none_of_it_taken__cut_off_though_nobody_waits(server: WatchedServer) -> None:
    server.answer(MUCH)
    assert server.look(100, 120) == 0
    assert server.look(131) == 1


def test_slow__more_than_wait__as_many_as_wait(server: WatchedServer) -> None:
    for _ in range(3):
        server.crowd()
    with server.accept(), server.accept():
        assert server.look(100, 100 + FULL) == 1


def test_full__others_have_waited_a_while__until_they_are_let_in(server: WatchedServer) -> None:
    server.crowd()
    server.look(100)
    before = server.looking.is_full
    server.look(100 + FULL)
    then = server.looking.is_full
    with server.accept():
        server.look(101)
    assert (before, then, server.looking.is_full) == (False, True, False)


async def _whose_turn(more: list[bool]) -> list[bool]:
    """Whether the caller's request counts as being answered: while its body is awaited, and after each part of it."""
    peer, seen = ("192.0.2.1", 4711), []

    def note() -> None:
        seen.append(peer in slow_peers.slow_peers.answering)

    async def receive() -> object:
        note()
        return {"type": "http.request", "body": b"", "more_body": more.pop(0)}

    async def application(scope: object, receive: object, send: object) -> None:
        while more:
            await receive()  # type: ignore[operator]
            note()

    scope = {"type": "http", "client": [*peer]}
    await slow_peers.Answering(application)(scope, receive, None)  # type: ignore[arg-type]
    note()
    return seen


def test_answering__body_in_parts__only_while_none_is_awaited() -> None:
    assert asyncio.run(_whose_turn([True, False, False])) == [False, True, False, True, True, True, False]
