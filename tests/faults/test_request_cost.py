"""Whatever a caller of chat sends, it costs the event loop little at a time, and with its thread little in all.

A thread that parses holds the interpreter for 5 ms at a time, so that what it costs is counted too.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, cast

import msgspec
import pytest
from django.contrib.auth.models import User

from chat.backends import Payload
from chat.backends.upstream import Deadlines, UpstreamBackend
from chat.callers import Caller
from chat.conversation import begin_turn
from chat.errors import ApiError
from chat.requests import BOUNDS, checked, parsed, read
from chat.tests import model_server
from chat.tests.conftest import upstream
from conversations import pinning, turns
from conversations.models import MAX_BYTES, Conversation, Role
from conversations.turns import Draft
from personalities.models import Personality
from tests.faults.conftest import LONG
from tests.faults.test_upstream_cost import AT_A_TIME, IN_ALL, TimedLoop, no_collector
from tests.promises import Figure

pytestmark = pytest.mark.measures
FIELDS = b'{"model":"elara","messages":[{"role":"user","content":"Hi"}],"tools":[{"x":['
MESSAGES = b'{"model":"elara","messages":['
DEEP = b"[" * (BOUNDS.depth - 5) + b"]" * (BOUNDS.depth - 5)
# By name: how the body begins, what is repeated, how often that is read at most, and the end.
SHAPES = {
    "lists": (FIELDS, b"[]", 3, b"]}]}"),
    "objects": (FIELDS, b'{"a":1}', 3, b"]}]}"),
    "texts": (FIELDS, b'"aaaaaa"', 1, b"]}]}"),
    "numbers": (FIELDS, b"0", 1, b"]}]}"),
    "fractions": (FIELDS, b"1.5e-3", 1, b"]}]}"),
    "deep lists": (FIELDS, DEEP, len(DEEP) + 1, b"]}]}"),
    "messages": (MESSAGES, b'{"role":"user","content":"a"}', 4, b"]}"),
    "parts": (MESSAGES, b'{"role":"user","content":[{"type":"text","text":"a"}]}', 8, b"]}"),
    "calls": (MESSAGES, b'{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"}}]}', 11, b"]}"),
}


class Cost(NamedTuple):
    """Milliseconds of processor time: of the loop's longest turn, and of loop and threads together."""

    at_a_time: float
    in_all: float


def bodies() -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each shape: the most of it that is read, and as much as is sent."""
    for name, (begin, piece, values, end) in SHAPES.items():
        most = min((BOUNDS.bytes - len(begin + end)) // (len(piece) + 1), (BOUNDS.values - 100) // values)
        yield name, begin + b",".join([piece] * most) + end
        yield f"{name}, too many", begin + b",".join([piece] * ((BOUNDS.bytes - len(begin + end)) // (len(piece) + 1)))
    names = b",".join(b'"%x":1' % number for number in range(BOUNDS.values - 100))
    yield "names", FIELDS + b"{" + names + b"}]}]}"
    yield "text", FIELDS + b'"' + b'\\"' * (BOUNDS.bytes // 2 - 100) + b'"]}]}'
    yield "brackets", b"[" * BOUNDS.bytes


async def pass_on(backend: UpstreamBackend, body: bytes) -> None:
    """As chat does, to a model's server that answers at once."""
    with suppress(ApiError):
        request = await read(body, b"application/json")
        messages = msgspec.to_builtins(request.messages)
        await backend.complete(cast(Payload, request.passed_on() | {"messages": messages}))
    backend.close()


def cost_of(model: model_server.ModelServer, body: bytes) -> Cost:
    with no_collector(), asyncio.Runner(loop_factory=TimedLoop) as runner:
        runner.run(pass_on(upstream(model, Deadlines()), body))
        turns = cast(TimedLoop, runner.get_loop()).turns
        began = time.thread_time()
        with suppress(ApiError):
            checked(parsed(body, b"application/json"))
        return Cost(max(turns) * 1000, (sum(turns) + time.thread_time() - began) * 1000)


@pytest.mark.skipif(not LONG, reason="for the long form")
def test_request__body_of_any_shape__costs_little(figure: Figure) -> None:
    with model_server.running() as model:
        cost_of(model, b"{}")  # imports
        costs = {name: cost_of(model, body) for name, body in bodies()}
    longest, most = max(cost.at_a_time for cost in costs.values()), max(cost.in_all for cost in costs.values())
    figure(
        "A1",
        f"a request to chat, {len(costs)} shapes of up to 1 MiB, costs the event loop; and with its thread",
        f"at a time <= {AT_A_TIME} ms; in all <= {IN_ALL} ms",
        measured=f"{longest:.0f} ms; {most:.0f} ms",
        met=longest <= AT_A_TIME and most <= IN_ALL,
        why="\n".join(f"{name}: {cost}" for name, cost in costs.items()),
    )


def long_conversation(parts: int) -> Conversation:
    """Twenty messages that JSON makes longest, each this part of what one may have."""
    Personality.objects.create(personality_name="elara")
    user = User.objects.create_user("somebody")
    made = pinning.start(user, Personality.objects.get_config("elara"), greeting=False)
    for _ in range(10):
        turns.append(made, [Draft(role, "\x01" * (MAX_BYTES // parts)) for role in (Role.USER, Role.ASSISTANT)])
    return made


def turn_of(conversation: Conversation) -> bytes:
    """A new message that is as long as one may be."""
    message = {"role": "user", "content": "\x01" * MAX_BYTES}
    metadata = {"conversation": str(conversation.pk)}
    return msgspec.json.encode({"model": "elara", "messages": [message], "metadata": metadata})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("parts", "before"), [(1, "56 ms, 15.7 MiB"), (3, "13 ms, 5.8 MiB")])
def test_turn__conversation_of_long_messages__costs_little(parts: int, before: str, figure: Figure) -> None:
    conversation = long_conversation(parts)
    request = checked(parsed(turn_of(conversation), b"application/json"))

    async def send(backend: UpstreamBackend, messages: object) -> None:
        with suppress(ApiError):
            await backend.complete(cast(Payload, {"messages": messages}))
        backend.close()

    with model_server.running() as model, no_collector(), asyncio.Runner(loop_factory=TimedLoop) as runner:
        runner.run(send(upstream(model, Deadlines()), []))  # imports
        turn = begin_turn(Caller(conversation.owner_id, ""), request, "")
        runner.run(send(upstream(model, Deadlines()), turn.messages))
        longest = max(cast(TimedLoop, runner.get_loop()).turns) * 1000
    size = len(msgspec.json.encode(turn.messages)) / 2**20
    figure(
        "A1",
        f"a turn of a kept conversation, each message 1/{parts} of the longest, costs the event loop",
        f"at a time <= {AT_A_TIME} ms, for at most 2 MiB",
        before=before,
        measured=f"{longest:.0f} ms, {size:.1f} MiB",
        met=longest <= AT_A_TIME and size <= 2,
    )
