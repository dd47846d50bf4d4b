"""One completion: finds the personality, assembles the prompt, asks the language model and answers the caller."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import cast

import msgspec
from django.conf import settings

from chat import catalogue
from chat.backends import Backend, Payload
from chat.callers import Caller
from chat.conversation import Turn, begin_turn
from chat.errors import bad_request
from chat.exchange import Exchange
from chat.formats import AnswerFormat, ChatFormat
from chat.metrics import counts
from chat.recording import RecordingBackend
from chat.request_messages import instructions_of, without_greeting, without_instructions
from chat.requests import ChatRequest, read
from chat.streaming import stream
from chat.threads import in_thread
from conversations.turns import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE
from personalities.config import PersonalityConfig
from personalities.lint import models_on_offer
from personalities.prompt import CommonPrefix, Wishes, common_prefix, with_part_for_user
from personalities.prompt.opening import IN_PROMPT, greets_in_prompt
from preferences.cache import wishes as wishes_cache
from preferences.models import NO_WISHES, Preferences

logger = logging.getLogger(__name__)

FormatOf = Callable[[PersonalityConfig, Turn | None], AnswerFormat]  # of its answer, in this turn if it is kept
PROMPT_SHA256 = "Prompt-SHA256"  # of the part of the prompt that is the same for every user


async def complete(exchange: Exchange, caller: Caller, backend: Backend, keep_alive_seconds: float) -> None:
    """Reads the request and answers it. If the caller disconnects, the language model's answer is cancelled too.

    Raises ApiError and ClientDisconnected.
    """
    request = await read(await exchange.body(), exchange.headers.get(b"content-type", b""))
    async with exchange.cancelled_on_disconnect():
        await answer(exchange, request, caller, backend, keep_alive_seconds, _chat_format)


def _chat_format(config: PersonalityConfig, turn: Turn | None) -> AnswerFormat:
    return ChatFormat(config.personality_name)


async def answer(
    exchange: Exchange,
    request: ChatRequest,
    caller: Caller,
    backend: Backend,
    keep_alive_seconds: float,
    format_of: FormatOf,
    instructions: str = "",
) -> None:
    """Answers a request that has been read, in its endpoint's format. Raises ApiError, ClientDisconnected.

    `instructions` come between the prompt and what was said earlier, where providers' prompt caches find them again.
    """
    with exchange.timing.part("lookup") as part:
        turn = await _turn(exchange, request, caller)
        config, part.description = (
            (turn.config, "database") if turn else await catalogue.personality(request.model, caller)
        )
        wishes = await _wishes(caller)
    with exchange.timing.part("prompt"):
        prompt = turn.prompt if turn else config.memoized(common_prefix)
        payload = _payload(prompt.text, config, wishes, request, turn, instructions)
    exchange.extra_headers |= _prompt_header(prompt, turn)
    answering = RecordingBackend(backend, turn, lambda found: format_of(config, turn).whole(found)) if turn else backend
    if request.stream:
        await stream(exchange, answering, payload, format_of(config, turn), keep_alive_seconds)
        return
    with exchange.timing.part("upstream"):
        found = await answering.complete(payload)
    await exchange.answer(200, format_of(config, turn).whole(found))


async def _turn(exchange: Exchange, request: ChatRequest, caller: Caller) -> Turn | None:
    """The turn in the stored conversation that the request names, if it names one."""
    if "conversation" not in (request.metadata or {}):
        return None
    key = idempotency_key(exchange)
    return await in_thread(lambda: begin_turn(caller, request, key))


def sent_key(exchange: Exchange) -> str:
    """The Idempotency-Key header as it is; empty if there is none. Nothing is ever stored under a malformed one."""
    return exchange.headers.get(b"idempotency-key", b"").decode("latin-1")


def idempotency_key(exchange: Exchange) -> str:
    """The Idempotency-Key header; empty if there is none. Raises ApiError if it is malformed."""
    key = sent_key(exchange)
    if key and not IDEMPOTENCY_KEY.fullmatch(key):
        raise bad_request(IDEMPOTENCY_KEY_RULE, "idempotency-key")
    return key


async def _wishes(caller: Caller) -> Wishes:
    """How the caller wants to be talked to."""
    if copy := wishes_cache.copy_from_memory(caller.user_id):
        return copy.read() or NO_WISHES
    return await in_thread(lambda: Preferences.objects.wishes_of(caller.user_id))


def _payload(
    prompt: str, config: PersonalityConfig, wishes: Wishes, request: ChatRequest, turn: Turn | None, instructions: str
) -> Payload:
    """Our prompt always comes first; the caller's system messages stay where they are among the others, or follow in
    the same message for models that know but one.

    Parameters of the request take precedence over those of the personality.
    """
    messages = turn.messages if turn else msgspec.to_builtins(request.messages)
    greeting, messages = without_greeting(messages) if greets_in_prompt() else ("", messages)
    texts = [with_part_for_user(prompt, config, wishes, greeting), instructions]
    if settings.LLM_INSTRUCTIONS == IN_PROMPT:
        texts = ["\n\n".join(filter(None, (*texts, instructions_of(messages))))]
        messages = without_instructions(messages)
    system = [{"role": "system", "content": text} for text in filter(None, texts)]
    return cast(Payload, {**_generation(config), **request.passed_on(), "messages": [*system, *messages]})


def _prompt_header(prompt: CommonPrefix, turn: Turn | None) -> dict[str, str]:
    """Which prompt the answer is given with, or was, if it is a stored one; none if an older release stored it."""
    earlier = turn.earlier_answer if turn else None
    return prompt_header(prompt.sha256 if earlier is None else earlier.prompt_sha256)


def prompt_header(sha256: str) -> dict[str, str]:
    """The header that tells it; none if it is empty."""
    return {PROMPT_SHA256: sha256} if sha256 else {}


def _generation(config: PersonalityConfig) -> dict[str, object]:
    """The parameters a personality sets. A model that the operator does not offer gives way to the default one."""
    given = {name: value for name, value in msgspec.structs.asdict(config.generation).items() if value is not None}
    models = models_on_offer()
    if models and given.get("model", models[0]) not in models:
        counts.not_offered += 1
        _warn_once(given.pop("model"))
    return given


@lru_cache(maxsize=1000)  # the models already warned about
def _warn_once(model: str) -> None:
    logger.warning("The language model %s is not in LLM_MODELS: LLM_MODEL is asked instead.", model)
