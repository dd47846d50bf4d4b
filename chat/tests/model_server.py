"""A language model's server, in a thread of its own: real HTTP, and in whatever mood a test asks for."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

Writer = asyncio.StreamWriter
SSE = "text/event-stream"


class ModelServer:
    """`mood` answers the next requests. What they said is kept in `asked`, with header names in lower case."""

    def __init__(self) -> None:
        self.mood: Mood = speak
        self.asked: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.connections = 0  # open now
        self.counted: Counter[str] = Counter()
        self.release = asyncio.Event()  # for moods that wait for it
        self.port = 0
        self.loop: asyncio.AbstractEventLoop | None = None

    def let_go(self) -> None:
        """From any thread."""
        if self.loop:
            self.loop.call_soon_threadsafe(self.release.set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.connections += 1
        self.counted["connections"] += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.connections -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: Writer) -> bool:
        """Whether another may come on this connection."""
        request, mood = await _read(reader), self.mood
        self.asked.append(request)
        # A caller that hangs up ends whatever the mood is at.
        tasks = asyncio.ensure_future(mood(self, writer, request[1])), asyncio.ensure_future(reader.read(1))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return mood is speak_on


Mood = Callable[[ModelServer, Writer, dict[str, Any]], Awaitable[None]]


async def _read(reader: asyncio.StreamReader) -> tuple[dict[str, str], dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head if line)}
    return headers, json.loads(await reader.readexactly(int(headers["content-length"])))


@contextmanager
def running() -> Iterator[ModelServer]:
    server, loop = ModelServer(), asyncio.new_event_loop()
    started = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1000))
    server.loop = loop
    server.port = started.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_end(started), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(started: asyncio.Server) -> None:
    started.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def begin(writer: Writer, kind: str, status: str = "200 OK", more: str = "") -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Connection: close\r\n\r\n".encode())
    await writer.drain()


async def say(writer: Writer, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def chunk(content: str = "", finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    value = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "secret-model", "choices": [choice]}
    return f"data: {json.dumps(value)}\n\n".encode()


def completion(content: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    value = {"id": "c1", "object": "chat.completion", "created": 1, "model": "secret-model", "choices": [choice]}
    return json.dumps({**value, "usage": usage}).encode()


async def speak(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    """Good."""
    await tell(writer, asked, "Hello ", "there.")


async def tell(writer: Writer, asked: dict[str, Any], *texts: str) -> None:
    if not asked.get("stream"):
        await begin(writer, "application/json")
        await say(writer, completion("".join(texts)))
        return
    await begin(writer, SSE)
    for piece in (*map(chunk, texts), chunk("", "stop"), b"data: [DONE]\n\n"):
        await say(writer, piece)


async def speak_on(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    """Good, and ready for the next on the same connection. The end comes a moment after `[DONE]`, as from afar."""
    said = chunk("Hello there.") + chunk("", "stop") + b"data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {SSE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    await say(writer, head.encode() + b"%x\r\n%s\r\n" % (len(said), said))
    await asyncio.sleep(0.01)
    await say(writer, b"0\r\n\r\n")


async def each_differently(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    """Tells everybody something else, when it is let."""
    server.counted["waiting"] += 1
    text = f"Answer {server.counted['waiting']}."
    await server.release.wait()
    await tell(writer, asked, text)


def status(status: str, body: bytes = b"", more: str = "", kind: str = "application/json") -> Mood:
    async def mood(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
        await begin(writer, kind, status, more)
        await say(writer, body)

    return mood


def streaming(*pieces: bytes, then: Mood | None = None) -> Mood:
    async def mood(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
        await begin(writer, SSE)
        for piece in pieces:
            await say(writer, piece)
        if then:
            await then(server, writer, asked)

    return mood


def in_turn(*moods: Mood) -> Mood:
    """One after the other; the last for ever."""
    left = list(moods)

    async def mood(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(server, writer, asked)

    return mood


async def silent(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    await asyncio.Event().wait()


async def reset(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    writer.transport.abort()


async def drip(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    """A byte now and then, never a whole event."""
    await begin(writer, SSE)
    while True:
        await say(writer, b"x")
        await asyncio.sleep(0.02)


async def flood(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    """Answers without end."""
    await begin(writer, SSE)
    piece = chunk("x" * 10_000)
    while True:
        await say(writer, piece)
        server.counted["sent"] += 1
        await asyncio.sleep(0)  # or one flood has the loop until the kernel takes no more, and others wait


async def wait_for_release(server: ModelServer, writer: Writer, asked: dict[str, Any]) -> None:
    """Says something, and the rest when it is let."""
    await begin(writer, SSE)
    await say(writer, chunk("Hello "))
    server.counted["waiting"] += 1
    await server.release.wait()
    await say(writer, chunk("there.") + chunk("", "stop") + b"data: [DONE]\n\n")
