"""One turn of a stored conversation: earlier messages come from PostgreSQL (the answer goes there: see `recording`).

A turn is stored once and as a whole. Sent again under its idempotency key, it gets the stored answer, and no language
model is asked. Sent twice at the same time, both requests may reach the language model; the first answer to be stored
is the one that counts. A caller who receives a whole answer receives that one; a caller to whom a different one was
streamed gets an error at its end.
"""

from http import HTTPStatus
from typing import NamedTuple, cast
from uuid import UUID, uuid4, uuid5

import msgspec
from django.urls import reverse

from chat.backends import JsonObject, Message
from chat.callers import Caller
from chat.errors import ApiError, bad_request
from chat.history import awaited_results, to_message, window, with_results
from chat.request_messages import (
    check_known,
    check_results,
    split_messages,
    text_of,
    with_reasoning,
    without_instructions,
)
from chat.requests import ChatRequest
from conversations import pinning, turns
from conversations.models import Conversation, Prompt, Role
from conversations.turns import Draft, InvalidContent
from personalities.config import PersonalityConfig
from personalities.models import Personality
from personalities.names import InvalidName, canonical
from personalities.prompt import CommonPrefix

NOT_KEPT = {  # parameters whose answers a conversation cannot hold
    "n": "It keeps one answer.",
    "functions": "Send `tools`.",
    "function_call": "Send `tools` and `tool_choice`.",
    "audio": "It keeps text.",
}


class Turn(NamedTuple):
    """`messages` are what the language model is sent: what was said before, and what is new. `drafts` are the new ones
    as they are to be stored with the answer.

    `earlier_answer` is the answer that was stored when the same turn was sent before under its idempotency key.
    `answer_id` is the id of the message that the answer will be, or is: the same each time under the same key.
    `after` is the id of the message that called tools, if the new ones begin with results: they must follow it.
    """

    conversation: Conversation
    config: PersonalityConfig
    prompt: CommonPrefix
    messages: list[Message]
    drafts: list[Draft]
    idempotency_key: str
    earlier_answer: Draft | None
    answer_id: UUID
    after: UUID | None = None


def begin_turn(caller: Caller, request: ChatRequest, idempotency_key: str) -> Turn:
    """The turn that `request` asks for, by its `metadata.conversation`. Blocks: call it in a thread.

    Raises ApiError if the request does not fit the conversation.
    """
    conversation = conversation_of(caller, (request.metadata or {})["conversation"])
    config = pinning.config_of(conversation)
    _check_model(caller, request.model, conversation, config.personality_name)
    _check_kept(request)
    split = split_messages(msgspec.to_builtins(request.messages))
    drafts = [_draft(message) for message in without_instructions(split.new)]
    if not drafts:
        raise bad_request("Send the user's new message: the earlier ones are stored here.", "messages")
    prompt = _prompt(conversation, config)
    earlier = stored_answer(conversation, drafts, idempotency_key) if idempotency_key else None
    history = window(conversation)
    if earlier is None:
        check_known(split.known, history)
        check_results(split.new, awaited_results(history))
    said = with_reasoning(list(map(to_message, history)), split.known)
    messages = with_results([*split.instructions, *said, *split.new])
    answer_id = uuid5(conversation.pk, idempotency_key) if idempotency_key else uuid4()
    after = history[-1].id if history and drafts[0].role == Role.TOOL else None
    return Turn(conversation, config, prompt, messages, drafts, idempotency_key, earlier, answer_id, after)


def _prompt(conversation: Conversation, config: PersonalityConfig) -> CommonPrefix:
    try:
        return pinning.prompt_of(conversation, config)
    except (Conversation.DoesNotExist, Prompt.DoesNotExist):  # deleted a moment ago
        raise not_found() from None


def stored_answer(conversation: Conversation, drafts: list[Draft], idempotency_key: str) -> Draft | None:
    """The answer to these messages that is stored under the key. Raises ApiError if others are stored."""
    stored = turns.stored(conversation, idempotency_key)
    if not stored:
        return None
    *said, answer = map(Draft.of, stored)
    if said != drafts:
        message = "This Idempotency-Key was sent with another message."
        raise ApiError(HTTPStatus.CONFLICT, message, param="idempotency-key", code="idempotency_key_reused")
    return answer


def conversation_of(caller: Caller, text: str) -> Conversation:
    """The caller's conversation with this id. Raises ApiError."""
    try:
        return Conversation.objects.get(pk=UUID(text), owner=caller.user_id)
    except (ValueError, Conversation.DoesNotExist):
        raise not_found() from None


def not_found() -> ApiError:
    """404: the caller has no such conversation."""
    message = "You have no conversation with this id."
    return ApiError(HTTPStatus.NOT_FOUND, message, param="metadata.conversation", code="conversation_not_found")


def _check_model(caller: Caller, model: str, conversation: Conversation, pinned: str) -> None:
    """`model` is the personality's name in the version the conversation is pinned to, or its current name."""
    if _is_named(pinned, model):
        return
    served = Personality.objects.served_to(caller.user_id).filter(pk=conversation.personality_id)
    current = served.values_list("personality_name", flat=True).first() or pinned
    if not _is_named(current, model):
        raise bad_request(f"The conversation is with {pinned}{_renamed(conversation, current)}.", "model")


def _renamed(conversation: Conversation, current: str) -> str:
    if current == conversation.personality_name:
        return ""
    return f", now named {current}; POST {reverse('conversation-upgrade', args=[conversation.pk])} to go on with that"


def _is_named(name: str, model: str) -> bool:
    try:
        return canonical(model) == name
    except InvalidName:
        return False


def _check_kept(request: ChatRequest) -> None:
    for name, why in NOT_KEPT.items():
        if getattr(request, name) is not None:
            raise bad_request(f"{name}: not in a conversation that is kept here. {why}", name)


def _draft(message: Message) -> Draft:
    if message["role"] not in {Role.USER, Role.TOOL}:
        raise bad_request("Send the user's new message, or the results of tools: the rest is stored here.", "messages")
    content = message.get("content")
    shows_more = isinstance(content, list) and any(part["type"] != "text" for part in content)
    parts = cast(list[JsonObject], content) if shows_more else None
    draft = Draft(Role(message["role"]), text_of(message), None, message.get("tool_call_id", ""), parts)
    if draft.role == Role.USER and turns.is_empty(draft):
        raise bad_request(
            "Say something: what is kept is sent again, and many models refuse a message that says nothing.", "messages"
        )
    try:
        turns.check_draft(draft)
    except InvalidContent as error:
        raise bad_request(str(error), "messages") from None
    return draft
