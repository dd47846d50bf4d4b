"""Server-sent events, however they are cut into pieces, and without reading more than the bounds allow."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.backends.upstream_answers import MAX_ANSWER_BYTES, MAX_EVENT_BYTES, AnswerTooLarge, bounded, events

WIRE = ": hi\n\ndata: {}\r\n\r\nevent: x\ndata:ü\ndata: 2\n\nid: 1\n\n\ndata: [DONE]".encode()
PIECE = b"x" * 65536


async def cut(wire: bytes, places: list[int]) -> AsyncIterator[bytes]:
    ends = sorted({place % len(wire) for place in places})
    for start, end in zip([0, *ends], [*ends, len(wire)], strict=True):
        yield wire[start:end]


async def endless(piece: bytes, counted: list[int]) -> AsyncIterator[bytes]:
    while True:
        counted.append(len(piece))
        yield piece


@given(st.lists(st.integers(0, 1000)))
def test_events__cut_anywhere__the_same(places: list[int]) -> None:
    async def read() -> list[str]:
        return [event async for event in events(cut(WIRE, places))]

    assert asyncio.run(read()) == ["{}", "ü\n2", "[DONE]"]


@pytest.mark.parametrize(
    ("piece", "most"),
    [(PIECE, MAX_EVENT_BYTES), (b"data: " + PIECE + b"\n", MAX_EVENT_BYTES), (b": " + PIECE + b"\n", MAX_ANSWER_BYTES)],
)
def test_events__without_end__refused_before_there_is_too_much(piece: bytes, most: int) -> None:
    counted: list[int] = []

    async def read() -> None:
        async for _ in events(bounded(endless(piece, counted))):
            pass

    with pytest.raises(AnswerTooLarge):
        asyncio.run(read())
    assert sum(counted) <= most + 2 * len(piece)
