"""The conversation that a request is about, if it is its caller's."""

from uuid import UUID

from rest_framework.request import Request

from conversations.api.errors import ConversationNotFound
from conversations.api.serializers import ConversationSerializer
from conversations.models import Conversation, ConversationQuerySet
from rest.conditional import Representation


def owned(request: Request, id: UUID) -> Conversation:
    return _first(Conversation.objects.owned_by(request.user), id)


def locked(request: Request, id: UUID) -> Conversation:
    """The same, and nobody else writes to it before the transaction ends."""
    return _first(Conversation.objects.owned_by(request.user).select_for_update(), id)


def represent(conversation: Conversation) -> Representation:
    return Representation.of(dict(ConversationSerializer(conversation).data))


def _first(rows: ConversationQuerySet, id: UUID) -> Conversation:
    if row := rows.filter(pk=id).first():
        return row
    raise ConversationNotFound(id)
