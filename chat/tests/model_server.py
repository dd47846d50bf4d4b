"""A fake language model's server, in a thread of its own: real HTTP, and whatever behaviour a test asks for."""

import asyncio
import json
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

Writer = asyncio.StreamWriter
SSE = "text/event-stream"


class ModelServer:
    """Answers each request as `behaviour` does, and keeps it in `requests`: its headers, by name in lower case, and its
    body.
    """

    def __init__(self) -> None:
        self.behaviour: Behaviour = answer
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.connections = 0  # open now
        self.counts: Counter[str] = Counter()
        self.release = asyncio.Event()  # for behaviours that wait for it
        self.port = 0
        self.loop: asyncio.AbstractEventLoop | None = None

    def release_all(self) -> None:
        """Lets those go on that wait. May be called in any thread."""
        if self.loop:
            self.loop.call_soon_threadsafe(self.release.set)

    @property
    def url(self) -> str:
        """The base URL for OpenAI's clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Serves one connection."""
        self.connections += 1
        self.counts["connections"] += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.connections -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: Writer) -> bool:
        """Whether another request may come on this connection."""
        request, behaviour = await _read(reader), self.behaviour
        self.requests.append(request)
        # A client that disconnects ends whatever the behaviour is doing.
        tasks = asyncio.ensure_future(behaviour(self, writer, request[1])), asyncio.ensure_future(reader.read(1))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return behaviour is answer_keep_alive


Behaviour = Callable[[ModelServer, Writer, dict[str, Any]], Awaitable[None]]


async def _read(reader: asyncio.StreamReader) -> tuple[dict[str, str], dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head if line)}
    return headers, json.loads(await reader.readexactly(int(headers["content-length"])))


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[ModelServer]:
    """A server while the context lasts; over `tls`, if that is given."""
    server, loop = ModelServer(), asyncio.new_event_loop()
    started = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1000, ssl=tls))
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


async def start_response(writer: Writer, kind: str, status: str = "200 OK", more: str = "") -> None:
    """The status and the headers; `more` headers end in CRLF each."""
    await write(writer, f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Connection: close\r\n\r\n".encode())


async def write(writer: Writer, data: bytes) -> None:
    """Raises OSError if the client has disconnected."""
    writer.write(data)
    await writer.drain()


async def write_answer(writer: Writer, request: dict[str, Any], *texts: str) -> None:
    """A good answer, streamed in these pieces if the request wants a stream."""
    if not request.get("stream"):
        await start_response(writer, "application/json")
        await write(writer, completion("".join(texts)))
        return
    await start_response(writer, SSE)
    for piece in (*map(chunk, texts), chunk("", "stop"), b"data: [DONE]\n\n"):
        await write(writer, piece)


def chunk(content: str = "", finish: str | None = None) -> bytes:
    """A `chat.completion.chunk` as a server-sent event."""
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    value = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "secret-model", "choices": [choice]}
    return f"data: {json.dumps(value)}\n\n".encode()


def completion(content: str) -> bytes:
    """A `chat.completion`."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    value = {"id": "c1", "object": "chat.completion", "created": 1, "model": "secret-model", "choices": [choice]}
    return json.dumps({**value, "usage": usage}).encode()


async def answer(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Answers well."""
    await write_answer(writer, request, "Hello ", "there.")


async def answer_keep_alive(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Streams a good answer and keeps the connection. The end comes a moment after `[DONE]`, as from far away."""
    body = chunk("Hello there.") + chunk("", "stop") + b"data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {SSE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    await write(writer, head.encode() + b"%x\r\n%s\r\n" % (len(body), body))
    await asyncio.sleep(0.01)
    await write(writer, b"0\r\n\r\n")


async def answer_each_differently(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Waits to be released, then answers each request with another text."""
    server.counts["waiting"] += 1
    text = f"Answer {server.counts['waiting']}."
    await server.release.wait()
    await write_answer(writer, request, text)


def status(status: str, body: bytes = b"", more: str = "", kind: str = "application/json") -> Behaviour:
    """Answers with this status and body."""

    async def behaviour(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
        await start_response(writer, kind, status, more)
        await write(writer, body)

    return behaviour


def status_keep_alive(status: str, more: str = "") -> Behaviour:
    """Answers with this status as if the connection stayed open, and closes it."""

    async def behaviour(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
        await write(writer, f"HTTP/1.1 {status}\r\n{more}Content-Length: 2\r\n\r\n{{}}".encode())

    return behaviour


def streaming(*pieces: bytes, then: Behaviour | None = None) -> Behaviour:
    """Streams these bytes, then goes on as `then`, if given."""

    async def behaviour(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
        await start_response(writer, SSE)
        for piece in pieces:
            await write(writer, piece)
        if then:
            await then(server, writer, request)

    return behaviour


def in_sequence(*behaviours: Behaviour) -> Behaviour:
    """One behaviour for each request; the last for all that follow."""
    left = list(behaviours)

    async def behaviour(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(server, writer, request)

    return behaviour


async def silent(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Never answers."""
    await asyncio.Event().wait()


async def reset(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Resets the connection."""
    writer.transport.abort()


async def drip(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Streams a byte every 20 ms, never a whole event."""
    await start_response(writer, SSE)
    while True:
        await write(writer, b"x")
        await asyncio.sleep(0.02)


async def flood(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Streams an answer without end."""
    await start_response(writer, SSE)
    piece = chunk("x" * 10_000)
    while True:
        await write(writer, piece)
        server.counts["sent"] += 1
        await asyncio.sleep(0)  # else one flood occupies the event loop until the kernel's buffers are full


async def wait_for_release(server: ModelServer, writer: Writer, request: dict[str, Any]) -> None:
    """Streams half an answer, and the rest when released."""
    await start_response(writer, SSE)
    await write(writer, chunk("Hello "))
    server.counts["waiting"] += 1
    await server.release.wait()
    await write(writer, chunk("there.") + chunk("", "stop") + b"data: [DONE]\n\n")
