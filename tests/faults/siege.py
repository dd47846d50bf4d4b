"""Callers who hold on to the service: they say a byte a second, or take nothing of what they are told."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from chat.tests import raw
from tests.e2e.instance import ELARA
from tests.faults.chats import Chats

PATIENCE = 50.0  # seconds; whoever is not cut off by then never will be


class End(NamedTuple):
    seconds: float
    heard: bytes


def headers(chats: Chats) -> bytes:
    return f"GET /livez HTTP/1.1\r\nHost: {urlsplit(chats.url).netloc}\r\nX-Slow: ".encode()


def chat_body(chats: Chats) -> bytes:
    return raw.head(urlsplit(chats.url).netloc, chats.key, 1000) + b"{"


def api_body(chats: Chats) -> bytes:
    return chat_body(chats).replace(b"POST /v1/chat/completions", f"PATCH {ELARA}".encode())


BEGINNINGS: dict[str, Callable[[Chats], bytes]] = {
    "headers": headers,
    "body of a chat": chat_body,
    "body of another request": api_body,
}


async def drip(chats: Chats, beginning: bytes, door: asyncio.Semaphore) -> End:
    parts = urlsplit(chats.url)
    async with door:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    begun = time.monotonic()
    writer.write(beginning)
    hearing = asyncio.create_task(_hear(reader))
    while not hearing.done() and time.monotonic() < begun + PATIENCE:
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


async def drippers(chats: Chats, numbers: dict[str, int]) -> dict[str, list[End]]:
    """All at the same time; how each ended, by what it drips."""
    door = asyncio.Semaphore(50)  # more at one instant and the kernel drops some, who come again seconds later

    async def of(kind: str) -> list[End]:
        return await asyncio.gather(*(drip(chats, BEGINNINGS[kind](chats), door) for _ in range(numbers[kind])))

    return dict(zip(numbers, await asyncio.gather(*map(of, numbers)), strict=True))
