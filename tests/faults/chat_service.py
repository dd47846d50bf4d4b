"""The service as `dev.py run` starts it, in front of a fake language model that can fail in every way, and load on it.

The load is requests that must be served while others misbehave, and clients too slow to be served.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg

from chat.tests import model_server, raw_client
from chat.tests.model_server import Behaviour, ModelServer
from tests.e2e.instance import ELARA, Instance
from tests.faults.history import pretty
from tests.waiting import wait_until

WELL = "How are you?"  # asks the background load
MAX_SECONDS = 50.0  # a client that is not cut off by then never will be
SERVER = "companion.asgi:application"
QUERYING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'
"""


class State(NamedTuple):
    """What the service holds at a moment."""

    streams: int  # under way
    upstream: int  # connections to the language model
    querying: int  # connections to the database that are not idle
    files: int  # open in the process
    mebibytes: int  # of memory

    def left_behind(self, before: "State") -> list[str]:
        """Return what was not there `before` and should not be there now."""
        grown = [name for name in ("streams", "upstream", "querying") if getattr(self, name)]
        return grown + ["files"] * (self.files > before.files)

    def __str__(self) -> str:
        return f"{self.streams} streams, {self.upstream} upstream, {self.querying} querying, {self.files} files"


class ChatService:
    """A running service and the fake language model behind it."""

    def __init__(self, instance: Instance, model: ModelServer) -> None:
        self.instance, self.model = instance, model
        self.url, self.address = f"{instance.url}/v1", instance.url
        self.key = str(instance.http().headers["Authorization"]).removeprefix("Bearer ")
        (self.process,) = [
            found for found in map(psutil.Process, instance.processes()) if _is_worker(found.parent(), found)
        ]

    def streams(self, number: int) -> list[bytes]:
        """Ask for `number` streams at once; return each answer whole."""
        return asyncio.run(raw_client.streams(self.url, self.key, number, lambda: None))

    def warm_up(self) -> None:
        """Open everything that is made once and kept, such as connections to Redis, of which a burst may take eight."""
        most = rounds_without_more = 0
        while rounds_without_more < 3:
            self.streams(100)
            files = self.process.num_fds()
            rounds_without_more = 0 if files > most else rounds_without_more + 1
            most = max(most, files)

    def state(self) -> State:
        """Return what it holds now."""
        with self.instance.http() as client:
            found = re.search(r"^companion_chat_streams (\d+)", client.get("/metrics").text, re.MULTILINE)
        with psycopg.connect(self.instance.database_url) as connection:
            row = connection.execute(QUERYING).fetchone()
        assert found
        assert row
        mebibytes = self.process.memory_info().rss >> 20
        return State(int(found[1]), self.model.connections, int(row[0]), self.process.num_fds(), mebibytes)

    def state_after(self, before: State, seconds: float = 2) -> State:
        """Return the first state in which nothing is left behind, or the last one after `seconds`."""
        states = [self.state()]  # looked at once each: a moment later the change log may be followed again

        def is_as_before() -> bool:
            states.append(self.state())
            return not states[-1].left_behind(before)

        with suppress(AssertionError):  # the caller sees it in the state
            wait_until(is_as_before, seconds)
        return states[-1]


def _is_worker(parent: psutil.Process | None, process: psutil.Process) -> bool:
    """Whether it is the process of granian that serves, which is the child of one that does not."""
    return parent is not None and SERVER in process.cmdline() and SERVER in parent.cmdline()


@contextmanager
def chat_service(folder: Path, **environment: str) -> Iterator[ChatService]:
    """Run a service with one connection to the database, besides the one that follows the change log.

    Its output must hold no traceback when it ends.
    """
    with model_server.running() as model:
        extra = {"LLM_BASE_URL": model.url, "LLM_MODEL": "big-model", "DATABASE_POOL_SIZE": "1"}
        instance = Instance(folder / "var", extra={**extra, "CHAT_RATE": "100000/second", **environment})
        try:
            running = ChatService(instance.wait_for_block(), model)
            running.warm_up()
            yield running
        finally:
            instance.stop()
        assert "Traceback" not in instance.printed


def except_background_load(behaviour: Behaviour) -> Behaviour:
    """Have the language model answer the background load well, and behave so to all others."""

    async def both(server: ModelServer, writer: model_server.Writer, request: dict[str, Any]) -> None:
        chosen = model_server.answer if request["messages"][-1]["content"] == WELL else behaviour
        await chosen(server, writer, request)

    return both


class BackgroundLoad:
    """While it is entered: a read from memory, one from PostgreSQL and a chat, again and again."""

    def __init__(self, service: ChatService) -> None:
        self._service, self._over, self._thread = service, Event(), Thread(target=self._run)
        self.seconds: list[float] = []
        self.refused: list[str] = []
        self.peak = 0  # of the service's memory, in MiB

    def __enter__(self) -> "BackgroundLoad":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def well(self, seconds: float) -> bool:
        """Whether each request was answered 200 within `seconds`."""
        return bool(self.seconds) and not self.refused and max(self.seconds) <= seconds

    def __str__(self) -> str:
        wrong = f"{len(self.refused)} failed of " * bool(self.refused)
        return f"{wrong}{len(self.seconds)} good requests meanwhile, slowest {pretty(max(self.seconds, default=0))}"

    def _run(self) -> None:
        body = {"model": "elara", "messages": [{"role": "user", "content": WELL}]}
        while not self._over.is_set():
            # A new connection each time: new clients must get in.
            with self._service.instance.http() as client:
                self._ask(client, "GET", ELARA)
                self._ask(client, "GET", "/api/v1/personalities/")
                self._ask(client, "POST", "/v1/chat/completions", json=body)
            self.peak = max(self.peak, self._service.process.memory_info().rss >> 20)
            self._over.wait(0.1)  # more often would only take processor time from what misbehaves

    def _ask(self, client: httpx.Client, method: str, path: str, **options: Any) -> None:
        begun = time.monotonic()
        try:
            status = str(client.request(method, path, timeout=20, **options).status_code)
        except httpx.HTTPError as error:
            status = repr(error)
        self.seconds.append(time.monotonic() - begun)
        if status != "200":
            self.refused.append(f"{method} {path}: {status}")


class End(NamedTuple):
    """When a connection was closed, counted from its beginning, and what was heard on it."""

    seconds: float
    heard: bytes


def headers(service: ChatService) -> bytes:
    """Return the beginning of a request whose headers never end."""
    return f"GET /livez HTTP/1.1\r\nHost: {urlsplit(service.url).netloc}\r\nX-Slow: ".encode()


def chat_body(service: ChatService) -> bytes:
    """Return the beginning of a chat request whose body never ends."""
    return raw_client.head(urlsplit(service.url).netloc, service.key, 1000) + b"{"


def api_body(service: ChatService) -> bytes:
    """Return the beginning of a PATCH request whose body never ends."""
    return chat_body(service).replace(b"POST /v1/chat/completions", f"PATCH {ELARA}".encode())


BEGINNINGS: dict[str, Callable[[ChatService], bytes]] = {
    "headers": headers,
    "body of a chat": chat_body,
    "body of another request": api_body,
}


async def drip(service: ChatService, beginning: bytes, limit: asyncio.Semaphore) -> End:
    """Send `beginning`, then a byte a second until the service hangs up; `limit` bounds how many connect at once."""
    parts = urlsplit(service.url)
    async with limit:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    begun = time.monotonic()
    writer.write(beginning)
    hearing = asyncio.create_task(_hear(reader))
    while not hearing.done() and time.monotonic() < begun + MAX_SECONDS:
        with suppress(OSError):
            writer.write(b" ")
        await asyncio.wait({hearing}, timeout=1)
    seconds = time.monotonic() - begun
    hearing.cancel()
    (heard,) = await asyncio.gather(hearing, return_exceptions=True)
    writer.close()
    return End(seconds, heard if isinstance(heard, bytes) else b"")


async def _hear(reader: asyncio.StreamReader) -> bytes:
    heard = b""
    with suppress(OSError):
        while more := await reader.read(65536):
            heard += more
    return heard


async def drippers(service: ChatService, numbers: dict[str, int]) -> dict[str, list[End]]:
    """Run `numbers` of slow clients by kind, all at the same time; return how each ended."""
    limit = asyncio.Semaphore(50)  # with more at once the kernel drops some, which try again seconds later

    async def of(kind: str) -> list[End]:
        return await asyncio.gather(*(drip(service, BEGINNINGS[kind](service), limit) for _ in range(numbers[kind])))

    return dict(zip(numbers, await asyncio.gather(*map(of, numbers)), strict=True))
