"""A turn of a conversation: the personality's prompt, what was said, and who answers."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec

from chat import callers, requests
from chat.backends.backend import Backend, Payload
from chat.callers import Caller
from chat.exchange import CallerGone, Exchange
from chat.requests import ChatRequest
from chat.streaming import stream
from personalities.config import PersonalityConfig
from personalities.prompt import assemble

PROMPT = "prompt"


async def complete(exchange: Exchange, caller: Caller, backend: Backend, keep_alive: float) -> None:
    """Answers. When the caller hangs up, whoever was asked is let go at once."""
    request = requests.read(await exchange.body(), exchange.headers.get(b"content-type", b""))
    await _while_heard(exchange, _answer(exchange, request, caller, backend, keep_alive))


async def _answer(
    exchange: Exchange, request: ChatRequest, caller: Caller, backend: Backend, keep_alive: float
) -> None:
    with exchange.timing.part("lookup") as part:
        config, part.description = await callers.personality(request.model, caller)
    with exchange.timing.part("prompt"):
        payload = _payload(config, request)
    if request.stream:
        await stream(exchange, backend.chunks(payload), backend.seconds, config.personality_name, keep_alive)
        return
    with exchange.timing.part("upstream"):
        answer = await backend.complete(payload)
    await exchange.answer(200, {**answer, "model": config.personality_name})


def _payload(config: PersonalityConfig, request: ChatRequest) -> Payload:
    """Our prompt is always first. System messages of the caller stay where they are in the conversation."""
    system = {"role": "system", "content": _prompt(config)}
    return {**request.passed_on(), "messages": [system, *msgspec.to_builtins(request.messages)]}


def _prompt(config: PersonalityConfig) -> str:
    """Assembled once of each configuration."""
    text: str = config.made_of_it.get(PROMPT) or config.made_of_it.setdefault(PROMPT, assemble(config).text)
    return text


async def _while_heard(exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
    """Raises CallerGone when they hang up first."""
    answering = asyncio.create_task(work)
    hanging_up = asyncio.create_task(exchange.hung_up())
    try:
        await asyncio.wait({answering, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise CallerGone
        answering.result()
    finally:
        for task in (answering, hanging_up):
            task.cancel()
        await asyncio.gather(answering, hanging_up, return_exceptions=True)
