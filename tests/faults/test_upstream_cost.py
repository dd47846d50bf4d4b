"""Whatever a language model's server sends, it costs the event loop little at a time and little in all."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import NamedTuple, cast

import msgspec
import pytest

from chat.backends import Payload
from chat.backends.upstream import Deadlines, UpstreamBackend
from chat.errors import ApiError
from chat.recording import Recorder
from chat.responses.format import ResponsesFormat
from chat.responses.output import Output
from chat.responses.requests import ResponsesRequest
from chat.tests import model_server
from chat.tests.conftest import upstream
from chat.tests.model_server import ModelServer
from tests.faults.conftest import LONG
from tests.promises import Figure

pytestmark = pytest.mark.measures
MiB = 1024 * 1024
ASKED = cast(Payload, {"messages": []})
REQUEST = msgspec.convert({"model": "elara", "input": "Hi", "top_logprobs": 1}, ResponsesRequest)
SECONDS = 3
AT_A_TIME, IN_ALL = 20, 100  # milliseconds of processor time
MEASURED_AGAIN = 3  # times at most, while a cost is above these
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
FLOAT = b"1." + b"7" * 30 + b"e-300,"  # slow to decode


def event(json: bytes) -> bytes:
    return b"data: " + json + b"\n\n"


MEMBERS = b",".join(b'"%x":1' % number for number in range(27_000))


# By name: the head of the answer, and what follows until it is MAX_ANSWER_BYTES long.
STREAMS = {
    "data lines without a blank one": b"data: x\n",
    "empty data lines": b"data:\n",
    "one line": b"x" * 4096,
    "one line of data": b"data: " + b"x" * 4 * MiB,
    "empty lines": b"\n",
    "CR only": b"\r",
    "CR LF only": b"\r\n",
    "comments": b": x\n",
    "comments with blank lines": b":\n\n",
    "long comments": b":" + b"x" * 250_000 + b"\n\n",
    "fields": b"id: 1\nevent: x\nretry: 1\n\n",
    "deep JSON": event(b"[" * 250_000),
    "lists in an event": event(b'{"choices":[],"x":[' + b"[]," * 80_000 + b"1]}"),
    "numbers in an event": event(b'{"choices":[],"x":[' + FLOAT * 6_500 + b"1]}"),
    "choices in an event": event(b'{"choices":[' + b"{}," * 80_000 + b"{}]}"),
    "members in an event": event(b'{"choices":[],' + MEMBERS + b"}"),
    "members in a delta": event(b'{"choices":[{"delta":{' + MEMBERS + b',"content":5}}]}'),
    "parts in a delta": event(b'{"choices":[{"delta":{"content":[' + b"{}," * 80_000 + b"{}]}}]}"),
    "parts that think": event(b'{"choices":[{"delta":{"content":[{"thinking":[' + b"{}," * 80_000 + b"{}]}]}}]}"),
    "text": event(b'{"choices":[{"delta":{"content":"' + b"x" * 250_000 + b'"}}]}'),
    "texts that are escaped": event(b'{"choices":[{"delta":{"content":"' + b"\\u0001" * 40_000 + b'"}}]}'),
    "texts and refusals": event(b'{"choices":[{"delta":{"content":"a","refusal":"b"}}]}'),
    "probabilities": event(
        b'{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[' + b"1," * 99_999 + b"1]}}]}"
    ),
    "calls of functions": event(
        b'{"choices":[{"delta":{"tool_calls":['
        + b'{"index":0,"function":{"name":"f","arguments":"a"}},' * 100
        + b"{}]}}]}"
    ),
    "calls in a delta": event(b'{"choices":[{"delta":{"tool_calls":[' + b"{}," * 80_000 + b"{}]}}]}"),
    "empty events": b"data\n\n",
    "events of another type": b"event: x\ndata: x\n\n",
    "types of an event": b"event: x\n" * 900 + b"data\n\n",
    "usage in each event": event(b'{"usage":[' + b"[]," * 80_000 + b"1]}"),
    "not UTF-8": event(b"\xff" * 250_000),
}
# What is no stream of 16 MiB: its head, what follows, how often, and the end.
ENDS: dict[str, tuple[bytes, bytes, int, bytes]] = {
    "gzip": (SSE_HEAD + b"Content-Encoding: gzip\r\n\r\n", b"\x1f\x8b", MiB, b""),
    "a byte at a time": (SSE_HEAD + CHUNKED, b"1\r\n:\r\n", 500_000, b""),
    "informational responses": (b"", b"HTTP/1.1 103 a\r\n\r\n", 500_000, b""),
    "informational headers": (b"", b"HTTP/1.1 103 a\r\n" + b"a:\r\n" * 1000 + b"\r\n", 1_000, b""),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"a:b\r\n", 500_000, b""),
    "small headers": (b"HTTP/1.1 200 OK\r\n", b"a:b\r\n", 3_000, b"\r\n"),
    "folded header": (b"HTTP/1.1 200 OK\r\na:b\r\n", b" c\r\n", 30_000, b""),
    "content type": (SSE_HEAD, b";", 16_000, b""),
    "one header line": (b"HTTP/1.1 200 OK\r\na:", b" b", 500_000, b""),
    "extensions of a chunk": (SSE_HEAD + CHUNKED + b"1", b";a=b", 200_000, b""),
    "trailers": (SSE_HEAD + CHUNKED + b"0\r\n", b"a:b\r\n", 200_000, b""),
    "refusal, a byte at a time": (b"HTTP/1.1 404 No\r\n" + CHUNKED, b"1\r\nx\r\n", 500_000, b""),
    "after the end": (SSE_HEAD + CHUNKED + b"E\r\ndata: [DONE]\n\n\r\n", b"1\r\n:\r\n", 500_000, b""),
    "whole, without end": (JSON_HEAD + b'\r\n{"x":"', b"x", 16 * MiB, b""),
    "whole, a byte at a time": (JSON_HEAD + CHUNKED, b"1\r\n1\r\n", 500_000, b""),
    "whole, lists": (JSON_HEAD + b'\r\n{"choices":[],"x":[', b"[],", 80_000, b"1]}"),
    "whole, numbers": (JSON_HEAD + b'\r\n{"choices":[],"x":[', FLOAT, 6_500, b"1]}"),
    "whole, members": (JSON_HEAD + b'\r\n{"choices":[],' + MEMBERS, b"}", 1, b""),
    "whole, parts": (JSON_HEAD + b'\r\n{"choices":[{"message":{"content":[', b"{},", 80_000, b"{}]}}]}"),
    "whole, an error": (JSON_HEAD + b'\r\n{"error":[', b"{},", 80_000, b"{}]}"),
    "whole, not choices": (JSON_HEAD + b'\r\n{"choices":"', b"x", 250_000, b'"}'),
}


def answers() -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each shape."""
    for name, body in STREAMS.items():
        yield name, SSE_HEAD + b"\r\n" + body * (16 * MiB // len(body))
    for name, (head, body, times, end) in ENDS.items():
        yield name, head + body * times + end


class TimedLoop(asyncio.SelectorEventLoop):
    """Notes what each of its turns costs in processor time of this thread: neither waiting nor others' work counts."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[float] = []

    def _run_once(self) -> None:
        began = time.thread_time()
        super()._run_once()  # type: ignore[misc]
        self.turns.append(time.thread_time() - began)


class Cost(NamedTuple):
    """Milliseconds of processor time: of the longest turn, and of all turns; for answers that last, in a second."""

    at_a_time: float
    in_all: float


@contextmanager
def no_collector() -> Iterator[None]:
    """Without the garbage collector, whose time depends on what other tests left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def read(backend: UpstreamBackend, is_whole: bool) -> None:
    """As a caller would; of an answer that is good for ever, what comes in a few seconds."""
    with suppress(ApiError, TimeoutError):
        async with asyncio.timeout(SECONDS):
            if is_whole:
                await backend.complete(ASKED)
            else:
                await tell(backend)
    backend.close()


async def tell(backend: UpstreamBackend) -> None:
    """A stream, kept as in a conversation, and told as the Responses API does, which makes the most of it."""
    form, recorder = ResponsesFormat(REQUEST, "elara", Output("key"), None), Recorder("key", "delta")
    try:
        async for chunk in backend.chunks(ASKED):
            if told := recorder.record(chunk):
                form.chunk(told)
            await asyncio.sleep(0)
    finally:
        form.end(None)


def cost_of(model: ModelServer, is_whole: bool) -> Cost:
    with no_collector(), asyncio.Runner(loop_factory=TimedLoop) as runner:
        backend, began = upstream(model, Deadlines()), time.monotonic()
        runner.run(read(backend, is_whole))
        turns, seconds = cast(TimedLoop, runner.get_loop()).turns, time.monotonic() - began
    return Cost(max(turns) * 1000, sum(turns) * 1000 / max(seconds, 1))


def least_cost_of(model: ModelServer, is_whole: bool) -> Cost:
    """The least of some: what shares the processor only adds to a cost, whose own work is the same each time."""
    least = Cost(inf, inf)
    for _ in range(MEASURED_AGAIN):
        cost = cost_of(model, is_whole)
        least = Cost(min(least.at_a_time, cost.at_a_time), min(least.in_all, cost.in_all))
        if least.at_a_time <= AT_A_TIME and least.in_all <= IN_ALL:
            break
    return least


def sending(answer: bytes) -> model_server.Behaviour:
    async def behaviour(server: ModelServer, writer: model_server.Writer, request: object) -> None:
        for at in range(0, len(answer), 65536):
            await model_server.write(writer, answer[at : at + 65536])

    return behaviour


@pytest.mark.skipif(not LONG, reason="for the long form")
@pytest.mark.timeout(900)
def test_upstream__answer_of_any_shape__costs_the_event_loop_little(figure: Figure) -> None:
    costs: dict[str, Cost] = {}
    with model_server.running() as model:
        cost_of(model, is_whole=False)  # imports
        for name, answer in answers():
            model.behaviour = sending(answer)
            costs[name] = least_cost_of(model, name.startswith("whole"))
    longest, most = max(cost.at_a_time for cost in costs.values()), max(cost.in_all for cost in costs.values())
    figure(
        "A1",
        f"an answer of the language model, {len(costs)} shapes of up to 16 MiB, costs the event loop",
        f"at a time <= {AT_A_TIME} ms, in any second <= {IN_ALL} ms",
        before="2,579 ms, 758 ms",
        measured=f"{longest:.0f} ms, {most:.0f} ms",
        met=longest <= AT_A_TIME and most <= IN_ALL,
        why="\n".join(f"{name}: {cost}" for name, cost in costs.items()),
    )
