"""Random requests: none is answered with 500, none stops the event loop, and nothing is kept of them.

COMPANION_RANDOM_REQUESTS says how many (a million take an hour), COMPANION_RANDOM_SEED which.
"""

import asyncio
import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.fuzz_server import FuzzServer, fuzz_server
from tests.faults.random_requests import RandomRequests
from tests.promises import Figure

COUNT = int(os.environ.get("COMPANION_RANDOM_REQUESTS", "20000" if LONG else "600"))
SEED = int(os.environ.get("COMPANION_RANDOM_SEED", "1"))
AT_ONCE = 16
ORDINARY = 0.012  # seconds of processor for a page
STALL = 0.100  # seconds of processor for one request
GROWTH = 50  # MiB
SECONDS = 1.0  # for the answers to one connection; the service itself waits 10 s for the rest of a broken request
STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)


class Load:
    """Sends random requests and keeps what must not have happened."""

    def __init__(self, server: FuzzServer, seed: int) -> None:
        self.server, self._requests = server, RandomRequests(seed, server.cast)
        self.statuses: Counter[str] = Counter()
        self.failed: list[tuple[bytes, bytes]] = []  # the requests of a connection, and a 500
        self.slow: list[tuple[float, bytes]] = []
        self.sent = 0

    def run(self, count: int) -> None:
        """Send `count` requests, a few connections at a time."""
        while self.sent < count:
            before = self.server.cpu_seconds
            connections = [self._requests.connection() for _ in range(AT_ONCE)]
            asyncio.run(self._at_once(connections))
            if self.server.cpu_seconds - before > STALL + ORDINARY * sum(map(len, connections)):
                self._find_stall(connections)

    async def _at_once(self, connections: list[list[bytes]]) -> None:
        await asyncio.gather(*map(self._exchange, connections))

    async def _exchange(self, requests: list[bytes]) -> None:
        self.sent += len(requests)
        raw = b"".join(requests)
        answer = await self._answer(raw)
        found = [status.decode() for status in STATUS.findall(answer)]
        self.statuses.update(found)
        if "500" in found:
            self.failed.append((raw, answer[answer.index(b" 500 ") :]))

    async def _answer(self, raw: bytes) -> bytes:
        answer = bytearray()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=2**24)
                try:
                    writer.write(raw)
                    while more := await reader.read(65536):
                        answer += more
                finally:
                    writer.close()
        return bytes(answer)

    def _find_stall(self, connections: list[list[bytes]]) -> None:
        """Many requests at a time may well take longer than one: repeat each that is suspected by itself."""
        for raw in (request for requests in connections for request in requests):
            cost = self._cost(raw)
            if cost > STALL and min(cost, self._cost(raw), self._cost(raw)) > STALL:
                self.slow.append((cost, raw))

    def _cost(self, raw: bytes) -> float:
        before = self.server.cpu_seconds
        asyncio.run(self._answer(raw))
        return self.server.cpu_seconds - before


@pytest.mark.timeout(300 + COUNT // 20)
def test_random_requests__many__no_500_no_stall_no_growth(
    environment: Environment, tmp_path: Path, figure: Figure
) -> None:
    with fuzz_server(environment, tmp_path) as server:
        Load(server, -SEED).run(min(COUNT, 2000))  # so that all that is made once and kept exists
        before, load = server.mebibytes, Load(server, SEED)
        load.run(COUNT)
        growth = server.mebibytes - before
        errors = [line for line in tmp_path.joinpath("log").read_text().splitlines() if " ERROR " in line]
    figure(
        "A",
        f"{load.sent:,} random requests: headers, bodies, paths, pipelining (seed {SEED})",
        f"0 x 500, 0 above {STALL * 1000:g} ms of processor, + <= {GROWTH} MiB",
        measured=f"{len(load.failed)} x 500, {len(load.slow)} stalls, {growth:+.0f} MiB, {len(errors)} errors logged",
        met=not load.failed and not load.slow and growth <= GROWTH and not errors,
        why="\n".join([*map(repr, load.failed[:5]), *map(repr, load.slow[:5]), *errors[:5]]),
    )
