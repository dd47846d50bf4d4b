"""Many requests where there is no wrk: `python -m benchmarks.driver URL HEADER CONNECTIONS SECONDS`.

Each connection asks again as soon as it is answered. Prints one line of JSON.
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

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"


class Client(asyncio.Protocol):
    def __init__(self, request: bytes, took: list[float], failed: list[bytes]) -> None:
        self._request, self._took, self._failed = request, took, failed

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._answer, self._asked = b"", perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, _, body = self._answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if len(body) >= int(length[1]) if length else body.endswith(LAST_CHUNK):
            self._took.append(perf_counter() - self._asked)
            if b" 200 " not in head[:20]:
                self._failed.append(head)
            self._ask()


async def drive(url: str, header: str, connections: int, seconds: float) -> dict[str, float]:
    parts, took, failed = urlsplit(url), list[float](), list[bytes]()
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{header}\r\n\r\n".encode()
    loop, start = asyncio.get_running_loop(), perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(request, took, failed), parts.hostname or "", parts.port or 80)
    await asyncio.sleep(seconds)
    percentiles = [1000 * each for each in statistics.quantiles(took, n=100, method="inclusive")]
    return {"requests": len(took), "seconds": perf_counter() - start, "p50": percentiles[49], "p99": percentiles[98],
            "failed": len(failed)}  # fmt: skip


if __name__ == "__main__":
    url, header, connections, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(drive(url, header, int(connections), float(seconds)))))
