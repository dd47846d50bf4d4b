"""Server-sent events as other servers send them: bounded, and read as bytes, so that no character is cut in two."""

from collections.abc import AsyncIterable, AsyncIterator

MAX_LINE = 1024 * 1024
MAX_TOTAL = 16 * 1024 * 1024  # of one answer


class TooMuch(Exception):
    """More than any answer is long."""


async def bounded(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    total = 0
    async for piece in pieces:
        total += len(piece)
        if total > MAX_TOTAL:
            raise TooMuch(f"more than {MAX_TOTAL} bytes")
        yield piece


async def events(pieces: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The data of each event. What is no UTF-8 becomes U+FFFD. The last event may lack its empty line."""
    data: list[bytes] = []
    async for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
            if sum(map(len, data)) > MAX_LINE:
                raise TooMuch(f"more than {MAX_LINE} bytes in one event")
        elif not line and data:
            yield b"\n".join(data).decode(errors="replace")
            data.clear()
    if data:
        yield b"\n".join(data).decode(errors="replace")


async def _lines(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for piece in pieces:
        searched = len(rest)
        rest += piece
        if rest.find(b"\n", searched) >= 0:
            *lines, last = rest.split(b"\n")
            for line in lines:
                yield bytes(line).removesuffix(b"\r")
            rest = bytearray(last)
        if len(rest) > MAX_LINE:
            raise TooMuch(f"more than {MAX_LINE} bytes in one line")
    if rest:
        yield bytes(rest).removesuffix(b"\r")
