"""Many who talk at the same time: `python -m benchmarks.talkers URL KEY STREAMS SECONDS [together]`.

Each asks again as soon as it is answered. They begin one after another, evenly, unless `together`. Prints one line of
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

from benchmarks.model import PACE, PIECES, THINKS

PIECE = re.compile(rb'"content": ?"([\d.]+) ([\d.]+)"')
END = b"0\r\n\r\n"  # of a body in chunks
BODY = json.dumps({"model": "elara", "messages": [{"role": "user", "content": "Is this plan sound?"}], "stream": True})


class Found:
    """What is heard before `since` is warming up."""

    def __init__(self) -> None:
        self.first: list[float] = []
        self.later: list[float] = []
        self.failed = 0
        self.since = 0.0


class Talker(asyncio.Protocol):
    def __init__(self, request: bytes, found: Found) -> None:
        self._request, self._found = request, found

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._rest, self._heard, self._asked = b"", 0, perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
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


if __name__ == "__main__":
    url, key, streams, seconds, *together = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(talk(url, key, int(streams), float(seconds), bool(together)))))
