"""A turn of a conversation that is kept here: what was said before comes from there, what is answered goes there."""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import dropwhile
from typing import Any, NamedTuple
from uuid import UUID

from django.urls import reverse

from chat.callers import Caller
from chat.errors import ApiError, bad_request
from chat.requests import ChatMessage, ChatRequest
from conversations import pinning, turns
from conversations.buffer import RecentMessage
from conversations.models import Conversation, Role
from conversations.recent import recent
from conversations.turns import Draft, InvalidContent, KeyReused
from personalities.config import PersonalityConfig
from personalities.models import Personality
from personalities.names import InvalidName, canonical

PARAM = "metadata.conversation"
OF_THE_CALLER = {"system", "developer"}  # instructions of this turn: sent along, not kept


class Turn(NamedTuple):
    """`before` are OpenAI's messages; `answered`, what was answered when the same was sent before under its key."""

    conversation: Conversation
    config: PersonalityConfig
    before: list[dict[str, Any]]
    said: list[Draft]
    key: str
    answered: str | None


def begin(caller: Caller, request: ChatRequest, key: str) -> Turn:
    """Raises ApiError for what cannot be a turn of that conversation. To be called in a thread."""
    conversation = _conversation(caller, (request.metadata or {})["conversation"])
    config = pinning.config_of(conversation)
    _check_name(caller, request.model, conversation, config.personality_name)
    said = [_draft(message) for message in request.messages if message.role not in OF_THE_CALLER]
    if not said:
        raise bad_request("Send what the user says now: the rest is kept here.", "messages")
    answered = _answered(conversation, said, key) if key else None
    before = [{"role": message.role, "content": message.content} for message in _window(conversation)]
    return Turn(conversation, config, before, said, key, answered)


def keep(turn: Turn, answer: str) -> str:
    """What was said and what was answered, both or none, and once. To be called in a thread, before it is told.

    Returns the answer that is kept: another, where the same was sent twice at a time and the other was answered first.
    """
    try:
        turns.append(turn.conversation, [*turn.said, Draft(Role.ASSISTANT, answer)], turn.key)
    except KeyReused:
        return _kept_meanwhile(turn)
    except Conversation.DoesNotExist:
        raise _no_conversation() from None
    except InvalidContent as error:
        raise ApiError(HTTPStatus.BAD_GATEWAY, f"The answer cannot be kept. {error}", type="api_error") from None
    return answer


def answered_otherwise() -> ApiError:
    """For who was told the beginning of an answer that is not kept."""
    message = "The same was sent twice at a time, and another answer is kept. Send it again to be told that one."
    return ApiError(HTTPStatus.CONFLICT, message, param="idempotency-key", code="answered_otherwise")


def _kept_meanwhile(turn: Turn) -> str:
    answered = _answered(turn.conversation, turn.said, turn.key)
    if answered is None:
        raise _no_conversation()  # deleted since
    return answered


def _conversation(caller: Caller, text: str) -> Conversation:
    try:
        return Conversation.objects.get(pk=UUID(text), owner=caller.user_id)
    except (ValueError, Conversation.DoesNotExist):
        raise _no_conversation() from None


def _no_conversation() -> ApiError:
    message = "You have no conversation with this id."
    return ApiError(HTTPStatus.NOT_FOUND, message, param=PARAM, code="conversation_not_found")


def _check_name(caller: Caller, model: str, conversation: Conversation, pinned: str) -> None:
    """It is called by its name in the version that the conversation has, or by the one that it is served under now."""
    if _is_named(pinned, model):
        return
    served = Personality.objects.served_to(caller.user_id).filter(pk=conversation.personality_id)
    now = served.values_list("personality_name", flat=True).first() or pinned
    if not _is_named(now, model):
        raise bad_request(f"The conversation is with {pinned}{_renamed(conversation, now)}.", "model")


def _renamed(conversation: Conversation, now: str) -> str:
    if now == conversation.personality_name:
        return ""
    return f", who is {now} now; POST {reverse('conversation-upgrade', args=[conversation.pk])} goes on as that"


def _is_named(name: str, model: str) -> bool:
    try:
        return canonical(model) == name
    except InvalidName:
        return False


def _window(conversation: Conversation) -> Sequence[RecentMessage]:
    """Where messages are left out, what comes next is no answer to one of them: some models refuse to begin with it."""
    found = recent(conversation)
    is_cut = bool(found) and found[0].position > 1
    return list(dropwhile(lambda message: message.role == Role.ASSISTANT, found)) if is_cut else found


def _draft(message: ChatMessage) -> Draft:
    if message.role != "user":
        raise bad_request("Answers are kept here: send what the user says now.", "messages")
    content = message.content
    text = content if isinstance(content, str) else "".join(part.text for part in content)
    try:
        turns.check(text)
    except InvalidContent as error:
        raise bad_request(str(error), "messages") from None
    return Draft(Role.USER, text)


def _answered(conversation: Conversation, said: list[Draft], key: str) -> str | None:
    kept = turns.stored(conversation, key)
    if not kept:
        return None
    if [(message.role, message.content) for message in kept[:-1]] != [tuple(draft) for draft in said]:
        message = "This Idempotency-Key was sent with another message."
        raise ApiError(HTTPStatus.CONFLICT, message, param="idempotency-key", code="idempotency_key_reused")
    return kept[-1].content
