"""Reads server-sent events from a peer that may send anything. The cost to the event loop is proportional to what is
read, is spent a little at a time, and is at most a tenth of the loop's time.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from time import monotonic

import msgspec

MAX_JSON_BYTES = 256 * 1024  # of an event, or of an answer that is not streamed: what is parsed at once
MAX_EVENT_LINES = 1000
MAX_BYTES_WITHOUT_EVENT = 512 * 1024  # comments, for example
MIN_PIECE_BYTES = 256  # the least that a piece, or four lines, count as: they cost as much
UNITS_PER_SECOND = 2000  # pieces, KiB of them, events and KiB of these: each takes 50 us at most, with all that follows
OBJECTS_PER_UNIT = 20  # of JSON in an event: a call of a tool, which is two, takes 5 us
BURST_SECONDS = 0.1  # this many seconds' worth of units is read at once
BOM = b"\xef\xbb\xbf"
MESSAGE = "message"


class TooLarge(Exception):
    """More was sent than any answer needs."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event: its data, whose lines are joined by LF, and its type, which is "message" unless the server names one.

    Bytes that are not UTF-8 have become U+FFFD. `is_ended` is false for the last event if its blank line is missing.
    """

    data: str
    type: str = MESSAGE
    is_ended: bool = True


async def bounded(pieces: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    """Pass `pieces` on. Raises TooLarge after `limit` bytes; a small piece counts as MIN_PIECE_BYTES."""
    total = 0
    async for piece in pieces:
        total += max(len(piece), MIN_PIECE_BYTES)
        if total > limit:
            raise TooLarge(f"more than {limit} bytes, or too small pieces")
        yield piece


async def events(pieces: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """Each server-sent event that has data, however the pieces are cut. Raises TooLarge.

    As the WHATWG standard says, except that a last event without its blank line is marked instead of dropped.
    """
    reader, pace, idle = EventReader(), _Pace(), 0
    async for piece in pieces:
        found = reader.feed(piece)
        weight = _weight(piece)
        idle = 0 if found else idle + weight
        if idle > MAX_BYTES_WITHOUT_EVENT:
            raise TooLarge(f"more than {MAX_BYTES_WITHOUT_EVENT} bytes without an event, or too short lines")
        await pace.keep(1 + weight / 1024 + sum(map(_units, found)))
        for event in found:
            yield event
    for event in reader.close():
        yield event


class EventReader:
    """Finds events in what is fed to it. Lines end in LF, CR LF or CR; a byte order mark may come first."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._buffer = bytearray()
        self._is_first = True  # whether the buffer holds the first event
        self._is_after_cr = False  # then an LF belongs to the line end before it

    def feed(self, piece: bytes) -> list[Event]:
        """Each event that ends in this piece. Raises TooLarge."""
        searched = max(len(self._buffer) - 1, 0)
        self._buffer += self._with_plain_line_ends(piece)
        blocks = []
        if self._buffer.find(b"\n\n", searched) >= 0:
            *blocks, rest = self._buffer.split(b"\n\n")
            blocks[0], self._buffer, self._is_first = self._without_bom(blocks[0]), rest, False
        if len(self._buffer) > MAX_JSON_BYTES:
            raise TooLarge(f"more than {MAX_JSON_BYTES} bytes in one event")
        return [event for block in blocks if (event := _event(block)) is not None]

    def close(self) -> list[Event]:
        """The last event, if no blank line ended it."""
        event = _event(self._without_bom(self._buffer))
        return [] if event is None else [msgspec.structs.replace(event, is_ended=False)]

    def _without_bom(self, block: bytearray) -> bytearray:
        return block.removeprefix(BOM) if self._is_first else block

    def _with_plain_line_ends(self, piece: bytes) -> bytes:
        if self._is_after_cr:
            piece = piece.removeprefix(b"\n")
        self._is_after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class _Pace:
    """Limits an answer to a tenth of the event loop's time. No language model is that fast for long."""

    def __init__(self) -> None:
        self._due = 0.0

    async def keep(self, units: float) -> None:
        now = monotonic()
        self._due = max(self._due, now) + units / UNITS_PER_SECOND
        if self._due - now > BURST_SECONDS:
            await asyncio.sleep(self._due - now - BURST_SECONDS / 2)


def _units(event: Event) -> float:
    return 1 + len(event.data) / 1024 + event.data.count("{") / OBJECTS_PER_UNIT


def _weight(piece: bytes) -> int:
    lines = max(piece.count(b"\n"), piece.count(b"\r"))
    return max(len(piece), MIN_PIECE_BYTES * (1 + lines // 4))


def _event(block: bytearray) -> Event | None:
    """None for one without data: a comment, for example."""
    if block.startswith(b"data:") and b"\n" not in block:  # as nearly all are
        return Event(_value(block, b"data:").decode(errors="replace"))
    if b"data" not in block:
        return None
    if block.count(b"\n") > MAX_EVENT_LINES:
        raise TooLarge(f"more than {MAX_EVENT_LINES} lines in one event")
    lines = block.split(b"\n")
    data = [_value(line, b"data:") for line in lines if line == b"data" or line.startswith(b"data:")]
    types = [_value(line, b"event:") for line in lines if line == b"event" or line.startswith(b"event:")]
    if not data:
        return None
    type = types[-1].decode(errors="replace") if types else ""
    return Event(b"\n".join(data).decode(errors="replace"), type or MESSAGE)


def _value(line: bytearray, name: bytes) -> bytearray:
    """What follows the field's name and colon; empty if there is no colon."""
    return line[len(name) :].removeprefix(b" ")
