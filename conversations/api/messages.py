"""What is said in a conversation."""

from http import HTTPStatus
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from conversations import turns
from conversations.api import conditions, rows
from conversations.api.errors import ConversationNotFound, IdempotencyKeyReused
from conversations.api.serializers import MessageSerializer, NewMessageSerializer
from conversations.models import MAX_JSON_BYTES, Conversation, Message, Role
from conversations.turns import Appended, Draft
from rest.query_parameters import KnownParameters


class MessageListView(ListAPIView[Message]):
    """All messages, in order."""

    serializer_class = MessageSerializer
    max_bytes = MAX_JSON_BYTES
    filter_backends = (KnownParameters,)
    parameters = frozenset({"page", "page_size"})

    def get_queryset(self) -> QuerySet[Message]:
        return rows.owned(self.request, self.kwargs["id"]).messages.order_by("position")

    @extend_schema(
        request=NewMessageSerializer,
        responses={
            201: MessageSerializer,
            200: OpenApiResponse(MessageSerializer, "It was kept already, under this key."),
        },
        parameters=[conditions.IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Add a message at the end. Nobody answers it here."""
        conversation, key = rows.owned(request, id), conditions.idempotency_key(request)
        body = NewMessageSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        kept = _append(conversation, Draft(Role(body.validated_data["role"]), body.validated_data["content"]), key)
        status = HTTPStatus.OK if kept.repeated else HTTPStatus.CREATED
        return Response(MessageSerializer(kept.messages[0]).data, status=status)


def _append(conversation: Conversation, draft: Draft, key: str) -> Appended:
    try:
        return turns.append(conversation, [draft], key)
    except turns.KeyReused:
        raise IdempotencyKeyReused from None
    except Conversation.DoesNotExist:  # deleted a moment ago
        raise ConversationNotFound(conversation.pk) from None
