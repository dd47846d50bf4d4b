"""A language model that speaks at an even pace: `python -m benchmarks.model PORT`.

Each piece of its answer is a time, so that whoever hears it knows how long it was under way.
"""

import asyncio
import json
import re
import sys
from time import perf_counter
from typing import Any

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
        self._transport = transport

    def data_received(self, data: bytes) -> None:
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
    server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
