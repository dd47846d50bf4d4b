"""A body costs little until it has arrived, whatever it looks like and whoever sends it."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from chat.requests import BOUNDS as CHAT_BOUNDS
from rest.json_bounds import Bounds, OutOfBounds, check_structure
from rest.parsers import BOUNDS
from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.fuzzing import HOST, FuzzServer, fuzz_server
from tests.promises import Figure

AT_A_TIME, IN_ALL = 20, 100  # ms of the event loop
CALLERS = 400 if LONG else 150
GROWTH = 0.4 * CALLERS  # MiB: what the server reads ahead of each, and 64 KiB of its body
MESSAGES = "/api/v1/conversations/00000000-0000-0000-0000-000000000001/messages/"
ADDRESSES = ("/v1/chat/completions", MESSAGES, "/livez", "/v1/responses", "/v1/nothing", "/admin/login/")
CHUNKS = 250_000 if LONG else 20_000
FORM = "application/x-www-form-urlencoded"
# Up to 1 MiB of what JSON's strings may look like: begin, piece and end.
STRINGS = {
    "hidden by backslashes": (b"", b'"\\\\"\\\\', b""),
    "hidden by backslashes, then escapes": (b'"\\\\"\\\\' * 28_000, b"\\n", b""),
    "short ones with escapes": (b"", b'"\\n\\n\\n\\n\\n\\n\\n"', b""),
    "empty": (b"", b'""', b""),
    "one of escapes": (b'"', b"\\n", b'"'),
    "one of letters and escapes": (b'"', b"a\\n", b'"'),
}


@pytest.fixture(scope="module")
def server(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzServer]:
    with fuzz_server(environment, tmp_path_factory.mktemp("bodies")) as running:
        yield running


def head(path: str, key: str, method: str = "POST", kind: str = "application/json") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Type: {kind}", "Connection: close"]
    return "\r\n".join([*lines, *([f"Authorization: Bearer {key}"] if key else []), ""]).encode()


def in_chunks(path: str, key: str, count: int, method: str = "POST") -> bytes:
    kind = FORM if path.endswith("login/") else "application/json"
    return head(path, key, method, kind) + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * count + b"0\r\n\r\n"


def loop_cost(server: FuzzServer, raw: bytes) -> float:
    """How many milliseconds of the event loop a request takes: the least of three times."""
    least = 60_000.0
    for _ in range(3):
        before = server.loop_seconds
        answer = server.exchange(raw)
        assert b" 500 " not in answer[:20], answer[:500]
        least = min(least, (server.loop_seconds - before) * 1000)
    return least


def test_body__in_chunks_of_a_byte__cheap(server: FuzzServer, figure: Figure) -> None:
    sent = {
        f"{path}, {'key' if key else 'nobody'}": (path, key)
        for path in ADDRESSES[: 6 if LONG else 2]
        for key in ("", server.cast.key)
    }
    costs = {what: loop_cost(server, in_chunks(*caller, CHUNKS)) for what, caller in sent.items()}
    costs["GET /livez"] = loop_cost(server, in_chunks("/livez", "", CHUNKS, "GET"))
    figure(
        "A1",
        f"event loop for a body in chunks of one byte: {len(costs)} addresses and callers",
        f"<= {IN_ALL} ms in all",
        before="1,100 to 9,600 ms",
        measured=f"{max(costs.values()):.0f} ms at most",
        met=max(costs.values()) <= IN_ALL,
        why="\n".join(f"{what}: {cost:.0f} ms" for what, cost in costs.items()),
    )


def test_bodies__nearly_complete__little_memory(server: FuzzServer, figure: Figure) -> None:
    server.exchange(in_chunks(MESSAGES, "", 1))
    memory = server.mebibytes
    with ExitStack() as stack:
        for number in range(CALLERS):
            path, kind, size = [(MESSAGES, "application/json", 2**20), ("/admin/login/", FORM, 2**19)][number % 2]
            caller = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
            caller.sendall(head(path, "", kind=kind) + b"Content-Length: %d\r\n\r\n" % size + b" " * (size - 1))
        time.sleep(1)
        growth = server.mebibytes - memory
        answer = server.exchange(in_chunks("/api/v1/personalities/", server.cast.key, 1_000))
    figure(
        "A4",
        f"memory while {CALLERS} strangers have sent all but the end of 0.5 and 1 MiB; others' small bodies are read",
        f"+ <= {GROWTH:g} MiB",
        before="+ 388 MiB",
        measured=f"{growth:+.0f} MiB; others {answer[9:12].decode()}",
        met=growth <= GROWTH and answer[9:12] == b"400",
    )


def structure_cost(body: bytes, bounds: Bounds) -> float:
    """Milliseconds in which no other thread runs: the least of five times."""
    costs = []
    for _ in range(5):
        begun = time.thread_time()
        with suppress(OutOfBounds):
            check_structure(body, bounds)
        costs.append((time.thread_time() - begun) * 1000)
    return min(costs)


def test_strings__of_any_shape__counted_quickly(figure: Figure) -> None:
    bodies = {
        name: begin + piece * ((2**20 - len(begin)) // len(piece)) + end
        for name, (begin, piece, end) in STRINGS.items()
    }
    costs = {
        name: max(structure_cost(body, bounds) for bounds in (BOUNDS, CHAT_BOUNDS)) for name, body in bodies.items()
    }
    figure(
        "A1",
        f"counting the strings of 1 MiB, {len(costs)} shapes, while no other thread runs",
        f"<= {AT_A_TIME} ms",
        before="45 ms",
        measured=f"{max(costs.values()):.0f} ms at most",
        met=max(costs.values()) <= AT_A_TIME,
        why=str(costs),
    )
