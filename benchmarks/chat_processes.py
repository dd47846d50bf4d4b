"""The two sides of a chat, as processes.

`python -m benchmarks.chat_processes model PORT` is a language model that speaks at an even pace. Each piece of its
answer is a time, so that a listener knows how long it was under way.

`python -m benchmarks.chat_processes talkers URL KEY STREAMS SECONDS [together]` are many who talk at the same time:
each asks again as soon as it is answered. They begin one after another, evenly, unless `together`. Prints one line of
JSON, in milliseconds: of each answer, how long its request and its first piece were under way together; of each later
piece, how long that was.
"""

import asyncio
import json
import re
import statistics
import sys
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import uvloop

THINKS, PACE, PIECES = 0.25, 0.02, 50  # seconds until the first piece and between two, and how many
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SHAPE = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


class Model(asyncio.Protocol):
    """One connection, for one answer after another."""

    def __init__(self) -> None:
        self._heard = b""

    def connection_made(self, transport: Any) -> None:
        """Remember where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Begin to answer once a whole request is there."""
        self._heard += data
        head, _, body = self._heard.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if length and len(body) >= int(length[1]):
            self._heard = b""
            self._asked = perf_counter()
            self._later(THINKS, self._speak, 0)

    def _later(self, seconds: float, what: Any, *arguments: Any) -> None:
        asyncio.get_running_loop().call_later(seconds, what, *arguments)

    def _speak(self, number: int) -> None:
        if self._transport.is_closing():
            return
        if number == 0:
            self._transport.write(HEAD)
        if number < PIECES:
            self._say(f"{self._asked:.6f} {perf_counter():.6f}")
            self._later(PACE, self._speak, number + 1)
            return
        self._say("", "stop")
        self._transport.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    def _say(self, content: str, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
        self._transport.write(_chunk(b"data: %s\n\n" % json.dumps({**SHAPE, "choices": [choice]}).encode()))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def serve(port: int) -> None:
    """Listen on a loopback port for ever."""
    server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


PIECE = re.compile(rb'"content": ?"([\d.]+) ([\d.]+)"')
END = b"0\r\n\r\n"  # of a body in chunks
BODY = json.dumps({"model": "elara", "messages": [{"role": "user", "content": "Is this plan sound?"}], "stream": True})


class Found:
    """Milliseconds of first and of later pieces. What arrives before `since` is warming up and does not count."""

    def __init__(self) -> None:
        self.first: list[float] = []
        self.later: list[float] = []
        self.failed = 0
        self.since = 0.0


class Talker(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, found: Found) -> None:
        self._request, self._found = request, found

    def connection_made(self, transport: Any) -> None:
        """Ask for the first time."""
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._rest, self._heard, self._asked = b"", 0, perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note each piece that has arrived whole; ask again after the last."""
        now, self._rest = perf_counter(), self._rest + data
        last = 0
        for piece in PIECE.finditer(self._rest):
            self._note(now, *map(float, piece.groups()))
            last = piece.end()
        self._rest = self._rest[last:]
        if self._rest.endswith(END):
            self._found.failed += self._heard != PIECES
            self._ask()

    def _note(self, now: float, asked: float, said: float) -> None:
        took = now - said + (0 if self._heard else asked - self._asked)
        if now >= self._found.since:
            (self._found.later if self._heard else self._found.first).append(1000 * took)
        self._heard += 1


async def talk(url: str, key: str, streams: int, seconds: float, together: bool) -> dict[str, Any]:
    """Talk over `streams` connections for `seconds` after the first answers; return percentiles in milliseconds."""
    parts, found, loop = urlsplit(url), Found(), asyncio.get_running_loop()
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
    request = f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
    answer = THINKS + PACE * PIECES
    start = perf_counter()
    found.since = start if together else start + answer
    for _ in range(streams):
        await loop.create_connection(lambda: Talker(request, found), parts.hostname or "", parts.port or 80)
        await asyncio.sleep(0 if together else answer / streams)
    await asyncio.sleep(start + answer + seconds - perf_counter())
    return {"failed": found.failed, "answers": len(found.first), **_percentiles("first", found.first),
            **_percentiles("later", found.later)}  # fmt: skip


def _percentiles(name: str, took: list[float]) -> dict[str, float]:
    each = statistics.quantiles(took, n=100, method="inclusive")
    return {f"{name} p50": each[49], f"{name} p99": each[98]}


def main(command: str, *arguments: str) -> None:
    """Run one of the two sides."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if command == "model":
            runner.run(serve(int(arguments[0])))
        else:
            url, key, streams, seconds, *together = arguments
            print(json.dumps(runner.run(talk(url, key, int(streams), float(seconds), bool(together)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
