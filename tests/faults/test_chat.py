"""However the language model fails, its callers are told, nothing is left behind, and others are served."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from chat.tests import model_server
from chat.tests.model_server import Behaviour, ModelServer
from tests.faults.chat_service import BackgroundLoad, ChatService, chat_service, except_background_load
from tests.faults.conftest import LONG
from tests.promises import Figure

PROMISE = 18
AT_ONCE = 20
ROUNDS = 5 if LONG else 2
SOON, GROWTH = 2.0, 128  # seconds; MiB
DEADLINES = {"LLM_FIRST_BYTE_SECONDS": "2", "LLM_IDLE_SECONDS": "2", "LLM_TOTAL_SECONDS": "4"}
BROKEN = model_server.chunk("Br*cke !").replace(b"*", "ü".encode()).replace(b"!", b"\xff")
CUT = BROKEN.index("ü".encode()) + 1


async def crawl(server: ModelServer, writer: model_server.Writer, request: dict[str, Any]) -> None:
    """Send what would be a good answer, a byte a second."""
    await model_server.start_response(writer, model_server.SSE)
    for byte in model_server.chunk("Hello"):
        await model_server.write(writer, bytes([byte]))
        await asyncio.sleep(1)


class Bad(NamedTuple):
    behaviour: Behaviour
    told: tuple[bytes, ...]  # what each answer must have in it
    ends_well: bool = False


BEHAVIOURS = {
    "never answers": Bad(model_server.silent, (b" 504 ", b"upstream_timeout")),
    "1 byte a second": Bad(crawl, (b" 504 ", b"upstream_timeout")),
    "10 MB without a newline": Bad(model_server.streaming(b"x" * 10_000_000), (b" 502 ", b"upstream_broken")),
    "broken UTF-8 in pieces": Bad(
        model_server.streaming(BROKEN[:CUT], BROKEN[CUT:], model_server.chunk("", "stop")),
        ("Brücke \ufffd".encode(),),
        True,
    ),
    "data without [DONE]": Bad(
        model_server.streaming(model_server.chunk("Hello")), (b" 200 ", b"Hello", b"upstream_broken")
    ),
    "200 with HTML": Bad(model_server.status("200 OK", b"<html>", kind="text/html"), (b" 502 ", b"upstream_broken")),
    "429 storm": Bad(model_server.status("429 Too Many"), (b" 429 ", b"rate_limit_exceeded", b"retry-after: ")),
    "cut in the middle": Bad(
        model_server.streaming(model_server.chunk("Hello "), then=model_server.reset),
        (b" 200 ", b"Hello ", b"upstream_broken"),
    ),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatService]:
    with chat_service(tmp_path_factory.mktemp("failures"), **DEADLINES) as running:
        yield running


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_chat__bad_behaviour__told_and_nothing_left_and_others_served(
    service: ChatService, name: str, figure: Figure
) -> None:
    bad, before = BEHAVIOURS[name], service.state()
    service.model.behaviour = except_background_load(bad.behaviour)
    with BackgroundLoad(service) as background:
        answers = [answer for _ in range(ROUNDS) for answer in service.streams(AT_ONCE)]
    state = service.state_after(before, SOON)
    told = [answer for answer in answers if all(text in answer for text in bad.told)]
    told = [answer for answer in told if (b"data: [DONE]" in answer) == bad.ends_well]
    figure(
        PROMISE,
        f"the language model: {name}",
        f"{len(answers)} told, good requests answered within {SOON:g} s, nothing left after {SOON:g} s, +{GROWTH} MiB",
        measured=f"{len(told)} told; {background}; then {state}, {background.peak - before.mebibytes:+} MiB",
        met=len(told) == len(answers) == AT_ONCE * ROUNDS
        and background.well(SOON)
        and not state.left_behind(before)
        and background.peak - before.mebibytes <= GROWTH,
        why=f"before: {before}\nrefused: {background.refused[:5]}\n{set(answers) - set(told)}"[:3000],
    )
