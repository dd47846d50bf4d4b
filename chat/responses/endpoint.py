"""`/v1/responses`: OpenAI's Responses API for the personalities, on top of chat completions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from uuid import uuid4

from chat import requests
from chat.backends import Backend, JsonObject
from chat.callers import Caller
from chat.completions import FormatOf, answer, prompt_header, sent_key
from chat.conversation import Turn
from chat.errors import ApiError, bad_request
from chat.exchange import Exchange
from chat.formats import AnswerFormat
from chat.requests import ChatRequest
from chat.responses import conversation_responses, response_chain, stored_items
from chat.responses.conversation_responses import ResponseContext
from chat.responses.format import ResponsesFormat, rename_parameter
from chat.responses.output import Output
from chat.responses.requests import ResponsesRequest, fields_of
from chat.responses.stored_items import RememberingBackend
from chat.responses.translation import for_chat
from chat.threads import in_thread
from personalities.config import PersonalityConfig


async def create(exchange: Exchange, caller: Caller, backend: Backend, keep_alive_seconds: float) -> None:
    """Reads the request and answers it. Raises ApiError and ClientDisconnected."""
    body, content_type = await exchange.body(), exchange.headers.get(b"content-type", b"")
    request = await requests.by_size(body, lambda: _read(requests.parsed(body, content_type)))
    async with exchange.cancelled_on_disconnect():
        with _parameters_renamed():
            context, asked = await in_thread(lambda: _translated(caller, request, sent_key(exchange)))
            output = Output(uuid4().hex)
            if context.conversation is None and request.store is not False:
                backend = RememberingBackend(backend, partial(_remember, caller, context, output.key), output)
            format_of, instructions = _format_of(request, context, output), request.instructions or ""
            await answer(exchange, asked, caller, backend, keep_alive_seconds, format_of, instructions)


async def find(exchange: Exchange, caller: Caller, id: str) -> None:
    """Answers with a response that is kept. Raises ApiError and ClientDisconnected."""
    if b"stream=true" in exchange.query.split(b"&"):
        raise bad_request("What is kept is told whole: leave stream out.", "stream")
    found = await in_thread(lambda: conversation_responses.find(caller, id))
    await exchange.answer(HTTPStatus.OK, found.value, prompt_header(found.prompt_sha256))


async def delete(exchange: Exchange, caller: Caller, id: str) -> None:
    """Deletes a response that is kept. Raises ApiError and ClientDisconnected."""
    await exchange.answer(HTTPStatus.OK, await in_thread(lambda: conversation_responses.delete(caller, id)))


def _read(body: JsonObject) -> ResponsesRequest:
    return requests.converted(fields_of(body), ResponsesRequest)


def _translated(caller: Caller, request: ResponsesRequest, idempotency_key: str) -> tuple[ResponseContext, ChatRequest]:
    context = conversation_responses.find_context(caller, request, idempotency_key)
    return context, requests.checked(for_chat(request, [*context.earlier.items, *context.items], context.conversation))


def _remember(caller: Caller, context: ResponseContext, key: str, output: Sequence[JsonObject]) -> None:
    stored_items.store(caller.user_id, output)
    response_chain.store(caller.user_id, f"resp_{key}", context.earlier, context.items, output)


def _format_of(request: ResponsesRequest, context: ResponseContext, output: Output) -> FormatOf:
    def format_of(config: PersonalityConfig, turn: Turn | None) -> AnswerFormat:
        told = Output(turn.answer_id.hex) if turn else output
        return ResponsesFormat(request, config.personality_name, told, context.conversation)

    return format_of


@contextmanager
def _parameters_renamed() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        rename_parameter(error)
        raise
