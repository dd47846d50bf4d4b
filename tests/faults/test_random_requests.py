"""Random requests: none is answered with 500, none stops the event loop, and nothing is kept of them.

COMPANION_RANDOM_REQUESTS says how many (a million take a quarter of an hour on two cores), COMPANION_RANDOM_SEED which.
"""

import asyncio
import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import NamedTuple

import pytest

from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.fuzzing import HOST, FuzzServer, RandomRequests, fuzz_server
from tests.promises import Figure

COUNT = int(os.environ.get("COMPANION_RANDOM_REQUESTS", "20000" if LONG else "600"))
SEED = int(os.environ.get("COMPANION_RANDOM_SEED", "1"))
SERVERS = 2 if COUNT > 5000 else 1  # one worker each: it does not get beyond one processor
AT_ONCE = 16  # connections to a server
ORDINARY = 0.006  # seconds of processor for an answer, on average over those to AT_ONCE connections
STALL = 0.100  # seconds of processor for one request
GROWTH = 50  # MiB, of all servers together
SECONDS = 1.0  # for the answers to one connection; the service itself waits 10 s for the rest of a broken request
END = f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")  # no line ends between the answers of a connection


class Load:
    """Sends random requests and keeps what must not have happened."""

    def __init__(self, server: FuzzServer, seed: int) -> None:
        self.server, self._requests = server, RandomRequests(seed, server.cast)
        self.statuses: Counter[str] = Counter()
        self.failed: list[tuple[bytes, bytes]] = []  # the requests of a connection, and a 500
        self.slow: list[tuple[float, bytes]] = []
        self.sent = 0
        self._running: list[list[bytes]] = []  # connections, each with its requests
        self._ended: list[list[bytes]] = []  # since the server's time was last looked at
        self._looked = self.server.cpu_seconds, 0  # when, and how many answers had come
        self._suspects: list[list[bytes]] = []

    def run(self, count: int) -> None:
        """Send `count` requests over AT_ONCE connections at a time, then those that may have been slow once more."""
        self._looked = self.server.cpu_seconds, self.statuses.total()
        asyncio.run(self._run(count))
        for requests in self._suspects:
            self._find_stall(requests)

    async def _run(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._send(count))

    async def _send(self, count: int) -> None:
        """One connection after the other: those that wait in vain for an answer keep no other waiting."""
        while self.sent < count:
            requests = self._requests.connection()
            self.sent += len(requests)
            self._running.append(requests)
            await self._exchange(requests)
            self._running.remove(requests)
            self._ended.append(requests)
            if len(self._ended) == AT_ONCE:
                self._look()

    async def _exchange(self, requests: list[bytes]) -> None:
        raw = b"".join(requests)
        answer = await self._answer(raw)
        found = [status.decode() for status in STATUS.findall(answer)]
        self.statuses.update(found)
        if "500" in found:
            self.failed.append((raw, answer[answer.index(b" 500 ") :]))

    def _look(self) -> None:
        """Suspect all that ran since the last look, if the answers took the server longer than usual."""
        (before, answered), self._looked = self._looked, (self.server.cpu_seconds, self.statuses.total())
        if self._looked[0] - before > STALL + ORDINARY * (self._looked[1] - answered):
            self._suspects += self._ended + self._running
        self._ended.clear()

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

    def _find_stall(self, requests: list[bytes]) -> None:
        """Many requests may well take longer than one: repeat them by themselves, if all of them still do."""
        if self._cost(b"".join(requests)) <= STALL:
            return
        for raw in requests:
            cost = min(self._cost(raw) for _ in range(3))
            if cost > STALL:
                self.slow.append((cost, raw))

    def _cost(self, raw: bytes) -> float:
        before = self.server.cpu_seconds
        asyncio.run(self._answer(raw + END))
        return self.server.cpu_seconds - before


class Outcome(NamedTuple):
    """What a server did under its load."""

    load: Load
    growth: float  # MiB
    errors: list[str]  # logged


def put_under_load(server: FuzzServer, seed: int) -> Outcome:
    Load(server, -seed).run(min(COUNT // SERVERS, 10_000))  # so that all that is made once and kept exists
    before, load = server.mebibytes, Load(server, seed)
    load.run(COUNT // SERVERS)
    errors = [line for line in server.log.read_text().splitlines() if " ERROR " in line]
    return Outcome(load, server.mebibytes - before, errors)


@pytest.mark.timeout(300 + COUNT // 20)
def test_random_requests__many__no_500_no_stall_no_growth(
    environment: Environment, tmp_path_factory: pytest.TempPathFactory, figure: Figure
) -> None:
    with ExitStack() as ends:
        folders = [tmp_path_factory.mktemp("random") for _ in range(SERVERS)]
        servers = [ends.enter_context(fuzz_server(environment, folder)) for folder in folders]
        with ThreadPoolExecutor(SERVERS) as pool:
            outcomes = list(pool.map(put_under_load, servers, range(SEED, SEED + SERVERS)))
    loads, growth = [outcome.load for outcome in outcomes], sum(outcome.growth for outcome in outcomes)
    failed, slow = [each for load in loads for each in load.failed], [each for load in loads for each in load.slow]
    errors = [line for outcome in outcomes for line in outcome.errors]
    told = sum(load.statuses.total() for load in loads)
    figure(
        "A",
        f"{sum(load.sent for load in loads):,} random requests: headers, bodies, paths, pipelining (seed {SEED})",
        f"0 x 500, 0 above {STALL * 1000:g} ms of processor, + <= {GROWTH} MiB",
        measured=f"{told:,} answers: {len(failed)} x 500, {len(slow)} stalls, {growth:+.0f} MiB, {len(errors)} errors",
        met=not failed and not slow and growth <= GROWTH and not errors,
        why="\n".join([*map(repr, failed[:5]), *map(repr, slow[:5]), *errors[:5]]),
    )
