"""Promise 19: bad callers get what they asked for or are cut off, nothing of them stays, and others are served."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from chat.tests import model_server as moods
from chat.tests import raw
from tests.faults.bystander import Bystander, but_for_bystanders
from tests.faults.chats import Chats, chats
from tests.faults.conftest import Figure
from tests.faults.siege import End, drippers
from tests.faults.verdict import said
from tests.waiting import wait_until

PROMISE = 19
AT_ONCE, DEAF = 200, 50
DRIPPERS = {"headers": 1500, "body of a chat": 100, "body of another request": 100}
CUT_OFF = {"headers": 10, "body of a chat": 30, "body of another request": 30}  # seconds
DEAF_CUT_OFF = 30 + 10  # from the last that the kernel takes for them
MARGIN, SOON = 3.0, 2.0  # seconds
GROWTH = 125  # MiB


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chats]:
    with chats(tmp_path_factory.mktemp("callers")) as running:
        yield running


class Siege:
    """All who hold on to the service, at the same time, until the last is cut off."""

    ends: dict[str, list[End]]
    deaf_seconds: float
    deaf_peak: int  # MiB

    def __init__(self, talking: Chats) -> None:
        self.before = talking.state()
        talking.model.mood = but_for_bystanders(moods.flood)
        with ExitStack() as stack, Bystander(talking) as self.bystander:
            begun = time.monotonic()
            for _ in range(DEAF):
                stack.enter_context(_deaf(talking))
            wait_until(lambda: talking.state().streams == DEAF, 10)
            self.ends = asyncio.run(drippers(talking, DRIPPERS))
            wait_until(lambda: talking.state().streams == 0, 20)
            self.deaf_seconds = time.monotonic() - begun
            self.deaf_left = talking.state_after(self.before, SOON)  # they are still there
        self.after = talking.state_after(self.before, SOON)


def _deaf(talking: Chats) -> socket.socket:
    return raw.call(talking.url, talking.key)


@pytest.fixture(scope="module")
def siege(talking: Chats) -> Siege:
    return Siege(talking)


@pytest.mark.parametrize("kind", DRIPPERS)
def test_callers__byte_a_second__cut_off_in_time(siege: Siege, kind: str, figure: Figure) -> None:
    ends, bar = siege.ends[kind], CUT_OFF[kind] + MARGIN
    last, told = max(end.seconds for end in ends), Counter(end.heard[9:12].decode() for end in ends)
    figure(
        PROMISE,
        f"{len(ends)} callers who send a byte a second: {kind}",
        f"all cut off within {bar:g} s" + ", told 408" * (kind != "headers"),
        measured=f"the last after {said(last)}, told {dict(told)}",
        met=last <= bar and set(told) == {"" if kind == "headers" else "408"},
    )


def test_callers__read_nothing__let_go_of_in_time(siege: Siege, figure: Figure) -> None:
    """The kernel may keep the connection itself for as long as they do."""
    growth, left = siege.bystander.peak - siege.before.mebibytes, siege.deaf_left
    figure(
        PROMISE,
        f"{DEAF} callers who read nothing of an endless answer",
        f"no stream after {DEAF_CUT_OFF + MARGIN:g} s, +{GROWTH} MiB at most with all the others",
        measured=f"{left} after {said(siege.deaf_seconds)}, +{growth} MiB",
        met=siege.deaf_seconds <= DEAF_CUT_OFF + MARGIN and not left.streams and growth <= GROWTH,
    )


def test_callers__siege__others_served_and_nothing_left(siege: Siege, figure: Figure) -> None:
    held = sum(DRIPPERS.values()) + DEAF
    figure(
        PROMISE,
        f"others, while {held:,} hold on to the service; and it, when they are gone",
        f"all 200 within {SOON:g} s; nothing left",
        measured=f"{siege.bystander}; then {siege.after}",
        met=siege.bystander.well(SOON) and not siege.after.left_behind(siege.before),
        why=f"{siege.before}\n{siege.bystander.refused[:5]}",
    )


def test_callers__reset_before_the_first_byte__nothing_left(talking: Chats, figure: Figure) -> None:
    before, talking.model.mood = talking.state(), but_for_bystanders(moods.silent)
    with Bystander(talking) as bystander:
        for connection in [raw.call(talking.url, talking.key) for _ in range(AT_ONCE)]:
            raw.reset(connection)
    state = talking.state_after(before, SOON)
    figure(
        PROMISE,
        f"{AT_ONCE} callers who are gone (RST) before the first byte",
        f"others 200 within {SOON:g} s; nothing left",
        measured=f"{bystander}; then {state}",
        met=bystander.well(SOON) and not state.left_behind(before),
        why=f"{before}\n{bystander.refused[:5]}",
    )


def test_callers__many_streams_at_once__all_whole(talking: Chats, figure: Figure) -> None:
    before, talking.model.mood = talking.state(), moods.speak
    with Bystander(talking) as bystander:
        answers = talking.streams(AT_ONCE)
    whole = sum(b"Hello " in answer and b"there." in answer and b"data: [DONE]" in answer for answer in answers)
    state = talking.state_after(before, SOON)
    figure(
        PROMISE,
        f"{AT_ONCE} streams at once",
        f"{AT_ONCE} whole; others 200 within {SOON:g} s; nothing left",
        measured=f"{whole} whole; {bystander}; then {state}",
        met=whole == AT_ONCE and bystander.well(SOON) and not state.left_behind(before),
        why=f"{before}\n{bystander.refused[:5]}",
    )
