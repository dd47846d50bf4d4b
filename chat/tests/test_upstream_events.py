"""Server-sent events, however they are cut into pieces, and without reading more than the bounds allow."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.backends.server_sent_events import (
    BURST_SECONDS,
    MAX_BYTES_WITHOUT_EVENT,
    MAX_EVENT_LINES,
    MAX_JSON_BYTES,
    MIN_PIECE_BYTES,
    UNITS_PER_SECOND,
    Event,
    TooLarge,
    bounded,
    events,
)
from tests.waiting import Clock

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
        return [event.data async for event in events(cut(WIRE, places))]

    assert asyncio.run(read()) == ["{}", "ü\n2", "[DONE]"]


def read_events(*pieces: bytes) -> list[Event]:
    async def sent() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def collect() -> list[Event]:
        return [event async for event in events(sent())]

    return asyncio.run(collect())


def read(*pieces: bytes) -> list[str]:
    return [event.data for event in read_events(*pieces)]


@given(st.lists(st.integers(0, 1000)), st.sampled_from([b"\r", b"\r\n", b"\n"]))
def test_events__any_line_end_of_the_standard__the_same(places: list[int], end: bytes) -> None:
    wire = WIRE.replace(b"\r", b"").replace(b"\n", end)

    async def collect() -> list[str]:
        return [event.data async for event in events(cut(wire, places))]

    assert asyncio.run(collect()) == ["{}", "ü\n2", "[DONE]"]


def test_events__several_in_one_piece_and_one_in_several__each_once_and_in_order() -> None:
    assert read(b"data: 1\n\ndata:2\n\nda", b"ta:  3\r\n\r", b"\n\n\ndata: 4") == ["1", "2", " 3", "4"]


def test_events__blank_lines_before_the_first__it_has_ended() -> None:
    assert [event.is_ended for event in read_events(b"\n\ndata: 1\n\n")] == [True]


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("wire", "data"),
    [
        (b"data\n\n", [""]),
        (b"data:\n\n", [""]),
        (b"data\ndata\n\n", ["\n"]),
        (b"data: 1\ndata\ndata: 3\n\n", ["1\n\n3"]),
        (b"data:  1 \n\n", [" 1 "]),
        (b"dataset: 1\n\n", []),
        (b" data: 1\n\n", []),
        (b"Data: 1\n\n", []),
        (b":data: 1\n\n", []),
        (b"event: x\n\n", []),
        (b"id: data\nretry: 5\n\n", []),
        (b"\n\n\ndata: 1\n\n\n\n", ["1"]),
        (b"event: x\nid: 5\nretry: 1\n: x\nfoo\ndata: 1\n\n", ["1"]),
    ],
)
def test_events__fields__as_the_standard_reads_them(wire: bytes, data: list[str]) -> None:
    for end in (b"\n", b"\r", b"\r\n"):
        assert read(wire.replace(b"\n", end)) == data


@pytest.mark.parametrize(
    ("mark", "data"),
    [
        (BOM, ["1", "2"]),
        (BOM + BOM, ["2"]),
        (BOM[:2], ["2"]),
        (b"\n" + BOM, ["2"]),
        (BOM + b"\n", ["1", "2"]),
        (b"", ["1", "2"]),
    ],
)
def test_events__byte_order_mark__left_out_once_and_at_the_beginning_alone(mark: bytes, data: list[str]) -> None:
    wire = mark + b"data: 1\n\ndata: 2\n\n" + BOM + b"data: 3\n\n"
    assert read(wire) == data
    assert read(*[wire[at : at + 1] for at in range(len(wire))]) == data
    assert read(mark + b"data: 1") == data[:-1]


@pytest.mark.parametrize(
    ("wire", "type"),
    [
        (b"data: 1\n", "message"),
        (b"event: error\ndata: 1\n", "error"),
        (b"data: 1\nevent:error\n", "error"),
        (b"event: a\nevent: b\ndata: 1\n", "b"),
        (b"event: a\nevent\ndata: 1\n", "message"),
        (b"event:\ndata: 1\n", "message"),
        (b"eventual: a\ndata: 1\n", "message"),
    ],
)
def test_events__type__the_last_one_given(wire: bytes, type: str) -> None:
    assert read_events(wire + b"\n", wire) == [Event("1", type), Event("1", type, is_ended=False)]


def test_events__line_end_cut_in_two__one_line_end() -> None:
    assert read(b"data: 1\r", b"\ndata: 2\r", b"\n\r", b"\ndata: 3\r", b"\r") == ["1\n2", "3"]


@pytest.mark.parametrize(
    ("piece", "most"),
    [
        (PIECE, MAX_JSON_BYTES),
        (b"data: " + PIECE + b"\n", MAX_JSON_BYTES),
        (b": " + PIECE + b"\n\n", MAX_BYTES_WITHOUT_EVENT),
        (b":\n\n" * 100, MAX_BYTES_WITHOUT_EVENT // 42),
        (b":\r\r" * 100, MAX_BYTES_WITHOUT_EVENT // 42),
        (b"x", MAX_BYTES_WITHOUT_EVENT // MIN_PIECE_BYTES),
    ],
)
def test_events__without_end__refused_before_there_is_too_much(piece: bytes, most: int) -> None:
    counted: list[int] = []

    async def collect() -> None:
        async for _ in events(endless(piece, counted)):
            pass

    with pytest.raises(TooLarge):
        asyncio.run(collect())
    assert sum(counted) <= most + 2 * len(piece)


def test_events__an_event_exactly_as_long_as_is_allowed__passes_and_one_byte_more_does_not() -> None:
    longest = b"data: " + b"x" * (MAX_JSON_BYTES - 6)
    assert read(longest, b"\n\n") == ["x" * (MAX_JSON_BYTES - 6)]
    with pytest.raises(TooLarge, match="in one event"):
        read(longest, b"x", b"\n\n")


@pytest.mark.parametrize("more", [0, 1])
def test_events__as_many_lines_as_are_allowed__pass_and_one_more_does_not(more: int) -> None:
    lines = b"data: x\n" * (MAX_EVENT_LINES + 1 + more)
    if more:
        with pytest.raises(TooLarge, match="lines in one event"):
            read(lines + b"\n")
    else:
        assert len(read(lines + b"\n")) == 1


def test_events__comments_between_events_that_come__as_many_as_there_are() -> None:
    event = b": " + b"x" * (MAX_BYTES_WITHOUT_EVENT // 2) + b"\n\ndata: 1\n\n"
    assert read(*[event[at : at + 65536] for at in range(0, len(event), 65536)] * 3) == ["1"] * 3


@pytest.mark.parametrize("before", [[], ["0"]])
@pytest.mark.parametrize("more", [0, 1])
def test_events__as_much_without_an_event_as_is_allowed__passes_and_one_byte_more_does_not(
    more: int, before: list[str]
) -> None:
    def comment(length: int) -> bytes:
        return b":" + b"x" * (length - 3) + b"\n\n"

    comments = [comment(65536)] * (MAX_BYTES_WITHOUT_EVENT // 65536 - 1) + [comment(65536 + more)]
    pieces = [*[b"data: 0\n\n" for _ in before], *comments]
    if more:
        with pytest.raises(TooLarge, match="without an event"):
            read(*pieces)
    else:
        assert read(*pieces, b"data: 1\n\n") == [*before, "1"]


@pytest.mark.parametrize("more", [0, 1])
def test_events__as_many_lines_without_an_event_as_are_allowed__pass_and_one_more_does_not(more: int) -> None:
    """Four lines count as much as MIN_PIECE_BYTES."""
    allowed = 4 * MAX_BYTES_WITHOUT_EVENT // MIN_PIECE_BYTES
    pieces = [b":\n" * (allowed // 8 - 1)] * 7 + [b":\n" * (allowed // 8 - 1 + more)]
    if more:
        with pytest.raises(TooLarge, match="without an event"):
            read(*pieces)
    else:
        assert read(*pieces, b"\ndata: 1\n\n") == ["1"]


@pytest.mark.parametrize(
    ("pieces", "units"),
    [([b"data: 1\n\n"] * 4000, 9000), ([b"data: " + PIECE + b"\n\n"] * 50, 6500),
     ([b'data: {"x":[' + b"{}," * 199 + b"{}]}\n\n"] * 100, 1324)],
)  # fmt: skip
def test_events__faster_than_any_model__paced(monkeypatch: pytest.MonkeyPatch, pieces: list[bytes], units: int) -> None:
    """What comes at once takes as long as its units, apart from a burst; on a clock that takes no time."""
    clock = Clock(100.0)

    async def sleep(seconds: float) -> None:
        assert seconds > 0
        clock.now += seconds

    monkeypatch.setattr("chat.backends.server_sent_events.monotonic", clock)
    monkeypatch.setattr("chat.backends.server_sent_events.asyncio.sleep", sleep)
    assert len(read(*pieces)) == len(pieces)
    assert clock.now - 100 == pytest.approx(units / UNITS_PER_SECOND, abs=BURST_SECONDS + 0.01)


def test_events__no_more_than_a_burst__not_delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("chat.backends.server_sent_events.asyncio.sleep")
    assert read(*[b"data: 1\n\n"] * 20) == ["1"] * 20


def test_bounded__exactly_as_much_as_is_allowed__passes_and_one_byte_more_does_not() -> None:
    async def collect(*pieces: bytes) -> bytes:
        async def given() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return b"".join([piece async for piece in bounded(given(), 2048)])

    assert asyncio.run(collect(b"x" * 1024, b"x" * 1024)) == b"x" * 2048
    assert asyncio.run(collect(*[b"x"] * (2048 // MIN_PIECE_BYTES))) == b"x" * (2048 // MIN_PIECE_BYTES)
    for pieces in ([b"x" * 2049], [b"x"] * (2048 // MIN_PIECE_BYTES + 1)):
        with pytest.raises(TooLarge):
            asyncio.run(collect(*pieces))
