"""Load on the chat service: requests that must be served while others misbehave, and clients too slow to be served."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from chat.tests import model_server, raw_client
from chat.tests.model_server import Behaviour, ModelServer
from tests.e2e.instance import ELARA
from tests.faults.chat_service import ChatService
from tests.faults.history import pretty

WELL = "How are you?"


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


MAX_SECONDS = 50.0  # a client that is not cut off by then never will be


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
