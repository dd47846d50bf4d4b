"""A client down to the socket, for callers that do what no HTTP library would."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from urllib.parse import urlsplit


def call(url: str, key: str, *, stream: bool = True, body: bytes | None = None) -> socket.socket:
    """Sends a chat request and reads nothing. The value is the connection."""
    body = request("elara", stream=stream) if body is None else body
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), 10)
    connection.sendall(head(parts.netloc, key, len(body)) + body)
    return connection


def request(model: str, *, stream: bool) -> bytes:
    """The body of a chat request."""
    messages = [{"role": "user", "content": "Hello?"}]
    return json.dumps({"model": model, "stream": stream, "messages": messages}).encode()


def head(host: str, key: str, length: int, more: str = "") -> bytes:
    """The request line and headers of a chat request; `more` headers end in CRLF each."""
    lines = ["POST /v1/chat/completions HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return ("\r\n".join(lines) + f"\r\n{more}\r\n").encode()


def reset(connection: socket.socket) -> None:
    """Closes the connection with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_until(connection: socket.socket, text: bytes) -> bytes:
    """All that is received up to and with `text`. Raises AssertionError if the server closes the connection first."""
    got = b""
    while text not in got:
        more = connection.recv(65536)
        assert more, got
        got += more
    return got


async def streams(url: str, key: str, number: int, meanwhile: Callable[[], None]) -> list[bytes]:
    """This many streams at once, read to the end. OpenAI's client and httpx would take longer than the server does."""
    answers = [asyncio.create_task(_stream(url, key)) for _ in range(number)]
    await asyncio.to_thread(meanwhile)
    return await asyncio.gather(*answers)


async def _stream(url: str, key: str) -> bytes:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    body = request("elara", stream=True)
    writer.write(head(parts.netloc, key, len(body), "Connection: close\r\n") + body)
    answer = await reader.read()
    writer.close()
    return answer
