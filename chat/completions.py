"""A turn of a conversation: the personality's prompt, what was said, and who answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from chat import callers
from chat.backends.backend import Backend, Payload
from chat.backends.kept import Kept
from chat.callers import Caller
from chat.errors import bad_request
from chat.exchange import CallerGone, Exchange
from chat.generation import parameters
from chat.history import Turn, begin
from chat.reading import read
from chat.requests import ChatRequest
from chat.streaming import stream
from conversations.api.conditions import KEY
from personalities.config import PersonalityConfig
from personalities.prompt import Wishes, assemble
from preferences.managers import NO_WISHES

PROMPT = "prompt"


async def complete(exchange: Exchange, caller: Caller, backend: Backend, keep_alive: float) -> None:
    """Answers. When the caller hangs up, whoever was asked is let go at once."""
    request = await read(await exchange.body(), exchange.headers.get(b"content-type", b""))
    async with _while_heard(exchange):
        await _answer(exchange, request, caller, backend, keep_alive)


async def _answer(
    exchange: Exchange, request: ChatRequest, caller: Caller, backend: Backend, keep_alive: float
) -> None:
    with exchange.timing.part("lookup") as part:
        turn = await _turn(exchange, request, caller)
        config, part.description = (
            (turn.config, "database") if turn else await callers.personality(request.model, caller)
        )
        wishes = await callers.wishes(caller)
    with exchange.timing.part("prompt"):
        payload = _payload(config, wishes, request, turn)
    answering = Kept(backend, turn) if turn else backend
    if request.stream:
        await stream(exchange, answering.chunks(payload), backend.seconds, config.personality_name, keep_alive)
        return
    with exchange.timing.part("upstream"):
        answer = await answering.complete(payload)
    await exchange.answer(200, {**answer, "model": config.personality_name})


async def _turn(exchange: Exchange, request: ChatRequest, caller: Caller) -> Turn | None:
    """Of the conversation that is kept here, if the request names one."""
    if "conversation" not in (request.metadata or {}):
        return None
    key = exchange.headers.get(b"idempotency-key", b"").decode("latin-1")
    if key and not KEY.fullmatch(key):
        raise bad_request("1 to 255 visible ASCII characters.", "idempotency-key")
    return await callers.in_thread(lambda: begin(caller, request, key))


def _payload(config: PersonalityConfig, wishes: Wishes, request: ChatRequest, turn: Turn | None) -> Payload:
    """Our prompt is always first. System messages of the caller stay where they are in the conversation.

    What the request asks for goes before what the personality does.
    """
    system = {"role": "system", "content": _prompt(config, wishes)}
    before = turn.before if turn else []
    messages = [system, *before, *msgspec.to_builtins(request.messages)]
    return {**parameters(config), **request.passed_on(), "messages": messages}


def _prompt(config: PersonalityConfig, wishes: Wishes) -> str:
    """Assembled once of each configuration, for all who wish for nothing."""
    if wishes != NO_WISHES:
        return assemble(config, wishes).text
    text: str = config.made_of_it.get(PROMPT) or config.made_of_it.setdefault(PROMPT, assemble(config).text)
    return text


@asynccontextmanager
async def _while_heard(exchange: Exchange) -> AsyncIterator[None]:
    """Raises CallerGone when they hang up first."""
    listening, is_over = asyncio.create_task(exchange.hung_up()), False

    def end(_: "asyncio.Task[None]") -> None:
        if not is_over:
            heard.reschedule(0)  # long ago: at once

    try:
        async with asyncio.timeout(None) as heard:
            listening.add_done_callback(end)
            try:
                yield
            finally:
                is_over = True
    except TimeoutError:
        raise CallerGone from None
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
