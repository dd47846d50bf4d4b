"""Responses in conversations: each is an answer there, and its id names that message. All of this blocks."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import takewhile
from typing import NamedTuple
from uuid import UUID

from chat.backends import JsonObject
from chat.backends.answers import AnswerContent
from chat.callers import Caller
from chat.conversation import conversation_of
from chat.errors import ApiError, bad_request
from chat.responses import objects, response_chain, stored_items
from chat.responses.deltas import Delta, delta_of, delta_of_whole
from chat.responses.items import (
    Item,
    ResponsesFunctionCall,
    ResponsesFunctionCallOutput,
    ResponsesItemReference,
    ResponsesMessage,
)
from chat.responses.output import UNREADABLE, Output
from chat.responses.requests import ResponsesRequest
from chat.responses.response_chain import Chain
from conversations.models import Conversation, DeletedResponse, Message, Role
from conversations.recent import recent
from conversations.redis_list import RecentMessage

RESPONSE_ID = re.compile("resp_([0-9a-f]{32})")
ITEM_ID = re.compile("(?:msg|fc)_([0-9a-f]{32})(?:_[0-9]+)?")


class ResponseContext(NamedTuple):
    """Where a response belongs: in which conversation, if any, and what of its input is new there. Outside of one, what
    it continues.
    """

    conversation: str | None
    items: Sequence[Item]
    earlier: Chain = Chain()


def find_context(caller: Caller, request: ResponsesRequest, idempotency_key: str) -> ResponseContext:
    """Finds the conversation that the request continues. Raises ApiError if there is none, or it cannot continue."""
    items, earlier = _items(request), Chain()
    named = request.conversation_id
    if previous := request.previous_response_id:
        if message := _message(caller, previous):
            named = _continued(message, request, idempotency_key)
        else:
            earlier = _remembered(caller, previous, named)
    if named is None:
        return ResponseContext(None, stored_items.resolved(caller.user_id, items), earlier)
    conversation = conversation_of(caller, named)
    if request.store is False:
        hint = "Leave store out; or send what was said before in place of the conversation's or the response's id."
        raise bad_request(f"store: what is said in a conversation is kept. {hint}", "store")
    return ResponseContext(named, _new(conversation, items) if any(map(_names_an_answer, items)) else items)


class FoundResponse(NamedTuple):
    """A response object, and the SHA-256 of the prompt that it was given with; empty if an older release kept it."""

    value: JsonObject
    prompt_sha256: str


def find(caller: Caller, id: str) -> FoundResponse:
    """The response. What the request set and what the answer cost are not kept. Raises ApiError."""
    message = _message(caller, id)
    if message is None:
        raise _not_found(id)
    conversation = message.conversation
    at = int(message.created_at.timestamp())
    begun = objects.empty(id, conversation.personality_name, at, str(message.conversation_id))
    ended = objects.ended(begun, message.finish_reason, _output(message), None, at)
    return FoundResponse(ended, message.prompt_sha256)


def delete(caller: Caller, id: str) -> JsonObject:
    """Deletes the response: its id is unknown from now on. The conversation keeps what was said. Raises ApiError."""
    message = _message(caller, id)
    if message is None:
        raise _not_found(id)
    DeletedResponse.objects.get_or_create(message_id=message.pk, defaults={"conversation": message.conversation})
    return {"id": id, "object": "response", "deleted": True}


def _items(request: ResponsesRequest) -> list[Item]:
    if isinstance(request.input, str):
        return [ResponsesMessage(role="user", content=request.input)]
    return request.input


def _remembered(caller: Caller, id: str, named: str | None) -> Chain:
    """The previous response, which belongs to no conversation, with what came before it."""
    if found := response_chain.find(caller.user_id, id) if named is None else None:
        return found
    message = (
        f"Response with id {id!r:.80} not found. Outside of a conversation it is remembered for a day at most, without "
        "store: false: send what was said before, or name the conversation that it belongs to."
    )
    raise ApiError(HTTPStatus.NOT_FOUND, message, param="previous_response_id", code="previous_response_not_found")


def _continued(message: Message, request: ResponsesRequest, idempotency_key: str) -> str:
    """The conversation that ends with the previous response. A request that is sent again may have gone on already."""
    conversation = str(message.conversation_id)
    if request.conversation_id not in {None, conversation}:
        raise bad_request("The previous response belongs to another conversation.", "previous_response_id")
    later = Message.objects.filter(
        conversation=message.conversation_id, position__gt=message.position, role=Role.ASSISTANT
    )
    # In this order: meanwhile the same request, sent at the same time, may be stored.
    if later.exists() and not (idempotency_key and later.filter(idempotency_key=idempotency_key).exists()):
        text = "Only the last response of a conversation can be continued: it has gone on since this one."
        raise bad_request(text, "previous_response_id")
    return conversation


def _message(caller: Caller, id: str) -> Message | None:
    """The caller's answer that is the response with this id."""
    match = RESPONSE_ID.fullmatch(id)
    if match is None:
        return None
    owned = Message.objects.filter(conversation__owner=caller.user_id, role=Role.ASSISTANT)
    found = owned.select_related("conversation").filter(pk=UUID(match[1])).first()
    return None if found and DeletedResponse.objects.filter(pk=found.pk).exists() else found


def _not_found(id: str) -> ApiError:
    message = f"Response with id {id!r:.80} not found: only answers in your conversations are kept."
    return ApiError(HTTPStatus.NOT_FOUND, message, param="response_id")


def _output(message: Message) -> list[JsonObject]:
    output = Output(message.pk.hex)
    told = (event for delta in _said(message) for event in output.add(delta))
    for _ in (*told, *output.end(objects.status_after(message.finish_reason))):
        pass
    return output.value()


def _said(message: Message) -> list[Delta]:
    """What it says and calls, except for calls of no known shape, which were kept as they came."""
    pieces = AnswerContent(message.content, is_refusal=message.is_refusal, parts=message.parts).pieces()
    said = [delta_of({field: text}) for field, text in pieces]
    try:
        return [*said, delta_of_whole({"tool_calls": message.tool_calls})]
    except UNREADABLE:
        return said


def _names_an_answer(item: Item) -> bool:
    return isinstance(item, ResponsesItemReference | ResponsesFunctionCall) or bool(getattr(item, "id", None))


def _new(conversation: Conversation, items: Sequence[Item]) -> list[Item]:
    """What follows the last item that is kept there, results among the calls that wait for them, and instructions,
    which are not kept.

    Clients send all that was said so far, whether it is kept or not, and some each result after its own call.
    """
    kept = recent(conversation)
    known, awaited = set(_names(kept)), set(_awaited(kept))
    end = max((index for index, item in enumerate(items) if _name(item) in known), default=-1) + 1
    calls = sum(1 for _ in takewhile(_is_of_a_call, reversed(items[:end])))
    return [
        item
        for index, item in enumerate(items)
        if index >= end or _is_instruction(item) or (index >= end - calls and _is_result(item, awaited))
    ]


def _is_of_a_call(item: Item) -> bool:
    return isinstance(item, ResponsesFunctionCall | ResponsesFunctionCallOutput)


def _is_result(item: Item, awaited: Collection[str]) -> bool:
    return isinstance(item, ResponsesFunctionCallOutput) and item.call_id in awaited


def _names(kept: Iterable[RecentMessage]) -> Iterator[str]:
    for message in kept:
        yield message.id.hex
        yield from (str(call.get("id")) for call in message.tool_calls or ())


def _awaited(kept: Sequence[RecentMessage]) -> Iterator[str]:
    """The calls of the last answer: nothing is kept between calls and their results."""
    if kept:
        yield from (str(call.get("id")) for call in kept[-1].tool_calls or ())


def _name(item: Item) -> str | None:
    """What an item may be known by: the call, or the answer that it is a part of."""
    if isinstance(item, ResponsesFunctionCall):
        return item.call_id
    match = ITEM_ID.fullmatch(getattr(item, "id", None) or "")
    return match[1] if match else None


def _is_instruction(item: Item) -> bool:
    return isinstance(item, ResponsesMessage) and item.role in {"system", "developer"}
