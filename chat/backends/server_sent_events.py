"""Reads server-sent events from a peer that may send anything. The cost to the event loop is proportional to what is
read, is spent a little at a time, and is at most a tenth of the loop's time.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from time import monotonic

MAX_JSON_BYTES = 256 * 1024  # of an event, or of an answer that is not streamed: what is parsed at once
MAX_EVENT_LINES = 1000
MAX_BYTES_WITHOUT_EVENT = 512 * 1024  # comments, for example
LEAST_BYTES = 256  # what a piece counts as at least, and four lines: that is what they cost
UNITS_PER_SECOND = 2000  # pieces, KiB of them, events and KiB of these: each takes 50 us at most, with all that follows
BURST_SECONDS = 0.1  # as many units as belong to this time are read at once


class TooLarge(Exception):
    """More was sent than any answer needs."""


async def bounded(pieces: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    """The same pieces. Raises TooLarge after `limit` bytes, of which a small piece counts LEAST_BYTES."""
    total = 0
    async for piece in pieces:
        total += max(len(piece), LEAST_BYTES)
        if total > limit:
            raise TooLarge(f"more than {limit} bytes, or too small pieces")
        yield piece


async def events(pieces: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The data of each server-sent event, however the pieces are cut. Bytes that are not UTF-8 become U+FFFD.

    The empty line after the last event may be missing. Raises TooLarge.
    """
    reader, pace, idle = EventReader(), _Pace(), 0
    async for piece in pieces:
        found = reader.feed(piece)
        weight = _weight(piece)
        idle = 0 if found else idle + weight
        if idle > MAX_BYTES_WITHOUT_EVENT:
            raise TooLarge(f"more than {MAX_BYTES_WITHOUT_EVENT} bytes without an event, or too short lines")
        await pace.keep(1 + weight / 1024 + sum(1 + len(event) / 1024 for event in found))
        for event in found:
            yield event
    for event in reader.close():
        yield event


class EventReader:
    """Finds events in what is fed to it. Lines end in LF, CR LF or CR, as the standard allows."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._buffer = bytearray()
        self._is_after_cr = False  # then an LF belongs to the line end before it

    def feed(self, piece: bytes) -> list[str]:
        """The data of each event that ends in this piece. Raises TooLarge."""
        searched = max(len(self._buffer) - 1, 0)
        self._buffer += self._with_plain_line_ends(piece)
        blocks = []
        if self._buffer.find(b"\n\n", searched) >= 0:
            *blocks, self._buffer = self._buffer.split(b"\n\n")
        if len(self._buffer) > MAX_JSON_BYTES:
            raise TooLarge(f"more than {MAX_JSON_BYTES} bytes in one event")
        return [data for block in blocks if (data := _data(block)) is not None]

    def close(self) -> list[str]:
        """The data of the event that no blank line has ended."""
        data = _data(self._buffer)
        return [] if data is None else [data]

    def _with_plain_line_ends(self, piece: bytes) -> bytes:
        if self._is_after_cr:
            piece = piece.removeprefix(b"\n")
        self._is_after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class _Pace:
    """Lets an answer take a tenth of the event loop's time. No language model writes so fast for long."""

    def __init__(self) -> None:
        self._due = 0.0

    async def keep(self, units: float) -> None:
        now = monotonic()
        self._due = max(self._due, now) + units / UNITS_PER_SECOND
        if self._due - now > BURST_SECONDS:
            await asyncio.sleep(self._due - now - BURST_SECONDS / 2)


def _weight(piece: bytes) -> int:
    lines = max(piece.count(b"\n"), piece.count(b"\r"))
    return max(len(piece), LEAST_BYTES * (1 + lines // 4))


def _data(block: bytearray) -> str | None:
    """None for an event without data: a comment, for example."""
    if b"data:" not in block:
        return None
    if block.count(b"\n") > MAX_EVENT_LINES:
        raise TooLarge(f"more than {MAX_EVENT_LINES} lines in one event")
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines).decode(errors="replace") if lines else None
