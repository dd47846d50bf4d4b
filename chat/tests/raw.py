"""A caller without manners: a socket, and what to write to it."""

import json
import socket
import struct
from urllib.parse import urlsplit


def call(url: str, key: str, *, stream: bool = True, body: bytes | None = None, model: str = "elara") -> socket.socket:
    """A chat request that is sent; nothing is read."""
    if body is None:
        message = {"role": "user", "content": "Hello?"}
        body = json.dumps({"model": model, "stream": stream, "messages": [message]}).encode()
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), 10)
    connection.sendall(head(parts.netloc, key, len(body)) + body)
    return connection


def head(host: str, key: str, length: int, more: str = "") -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return ("\r\n".join(lines) + f"\r\n{more}\r\n").encode()


def reset(connection: socket.socket) -> None:
    """Gone without a word: RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_until(connection: socket.socket, text: bytes) -> bytes:
    got = b""
    while text not in got:
        more = connection.recv(65536)
        assert more, got
        got += more
    return got
