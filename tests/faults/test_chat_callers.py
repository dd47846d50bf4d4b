"""Clients that misbehave are answered or cut off, nothing is left of them, and others are served."""

import asyncio
import socket
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from chat.tests import model_server, raw_client
from tests.faults.chat_service import BackgroundLoad, ChatService, End, drippers, except_background_load
from tests.faults.history import pretty
from tests.promises import Figure
from tests.waiting import wait_until

pytestmark = pytest.mark.measures
PROMISE = 19
AT_ONCE, DEAF = 200, 50
DRIPPERS = {"headers": 1500, "body of a chat": 100, "body of another request": 100}
CUT_OFF = {"headers": 10, "body of a chat": 30, "body of another request": 30}  # seconds
DEAF_CUT_OFF = 30 + 10  # from the last that the kernel takes for them
MARGIN, SOON = 3.0, 2.0  # seconds
GROWTH = 125  # MiB


class SlowClients:
    """All slow clients at the same time, until the last is cut off."""

    ends: dict[str, list[End]]
    deaf_seconds: float
    deaf_peak: int  # MiB

    def __init__(self, service: ChatService) -> None:
        self.before = service.state()
        service.model.behaviour = except_background_load(model_server.flood)
        with ExitStack() as stack, BackgroundLoad(service) as self.background:
            begun = time.monotonic()
            for _ in range(DEAF):
                stack.enter_context(_deaf(service))
            wait_until(lambda: service.state().streams == DEAF, 10)
            self.ends = asyncio.run(drippers(service, DRIPPERS))
            wait_until(lambda: service.state().streams == 0, 20)
            self.deaf_seconds = time.monotonic() - begun
            self.deaf_left = service.state_after(self.before, SOON)  # they are still there
        self.after = service.state_after(self.before, SOON)


def _deaf(service: ChatService) -> socket.socket:
    return raw_client.call(service.url, service.key)


@pytest.fixture(scope="module")
def slow_clients(service: ChatService) -> SlowClients:
    return SlowClients(service)


@pytest.mark.parametrize("kind", DRIPPERS)
def test_callers__byte_a_second__cut_off_in_time(slow_clients: SlowClients, kind: str, figure: Figure) -> None:
    ends, bar = slow_clients.ends[kind], CUT_OFF[kind] + MARGIN
    last, told = max(end.seconds for end in ends), Counter(end.heard[9:12].decode() for end in ends)
    figure(
        PROMISE,
        f"{len(ends)} callers who send a byte a second: {kind}",
        f"all cut off within {bar:g} s" + ", told 408" * (kind != "headers"),
        measured=f"the last after {pretty(last)}, told {dict(told)}",
        met=last <= bar and set(told) == {"" if kind == "headers" else "408"},
    )


def test_callers__read_nothing__let_go_of_in_time(slow_clients: SlowClients, figure: Figure) -> None:
    """The kernel may keep the connection itself for as long as the client does."""
    growth, left = slow_clients.background.peak - slow_clients.before.mebibytes, slow_clients.deaf_left
    figure(
        PROMISE,
        f"{DEAF} callers who read nothing of an endless answer",
        f"no stream after {DEAF_CUT_OFF + MARGIN:g} s, +{GROWTH} MiB at most with all the others",
        measured=f"{left} after {pretty(slow_clients.deaf_seconds)}, +{growth} MiB",
        met=slow_clients.deaf_seconds <= DEAF_CUT_OFF + MARGIN and not left.streams and growth <= GROWTH,
    )


def test_callers__slow_clients__others_served_and_nothing_left(slow_clients: SlowClients, figure: Figure) -> None:
    held = sum(DRIPPERS.values()) + DEAF
    figure(
        PROMISE,
        f"others, while {held:,} hold on to the service; and it, when they are gone",
        f"all 200 within {SOON:g} s; nothing left",
        measured=f"{slow_clients.background}; then {slow_clients.after}",
        met=slow_clients.background.well(SOON) and not slow_clients.after.left_behind(slow_clients.before),
        why=f"{slow_clients.before}\n{slow_clients.background.refused[:5]}",
    )


def test_callers__reset_before_the_first_byte__nothing_left(service: ChatService, figure: Figure) -> None:
    before, service.model.behaviour = service.state(), except_background_load(model_server.silent)
    with BackgroundLoad(service) as background:
        for connection in [raw_client.call(service.url, service.key) for _ in range(AT_ONCE)]:
            raw_client.reset(connection)
    state = service.state_after(before, SOON)
    figure(
        PROMISE,
        f"{AT_ONCE} callers who are gone (RST) before the first byte",
        f"others 200 within {SOON:g} s; nothing left",
        measured=f"{background}; then {state}",
        met=background.well(SOON) and not state.left_behind(before),
        why=f"{before}\n{background.refused[:5]}",
    )


def test_callers__many_streams_at_once__all_whole(service: ChatService, figure: Figure) -> None:
    before, service.model.behaviour = service.state(), model_server.answer
    with BackgroundLoad(service) as background:
        answers = service.streams(AT_ONCE)
    whole = sum(b"Hello " in answer and b"there." in answer and b"data: [DONE]" in answer for answer in answers)
    state = service.state_after(before, SOON)
    figure(
        PROMISE,
        f"{AT_ONCE} streams at once",
        f"{AT_ONCE} whole; others 200 within {SOON:g} s; nothing left",
        measured=f"{whole} whole; {background}; then {state}",
        met=whole == AT_ONCE and background.well(SOON) and not state.left_behind(before),
        why=f"{before}\n{background.refused[:5]}",
    )
