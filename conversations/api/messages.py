"""The messages of a conversation: list them, add one, export all."""

from collections.abc import Iterator
from http import HTTPStatus
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import turns
from conversations.api import rows
from conversations.api.serializers import (
    ConversationNotFound,
    ExportSerializer,
    IdempotencyKeyReused,
    MessageSerializer,
    NewMessageSerializer,
)
from conversations.models import MAX_JSON_BYTES, Conversation, Message, Role
from conversations.recent import head
from conversations.turns import Appended, Draft
from rest.query_parameters import KnownParameters

EXPORT_BATCH = 500  # messages read by a query
EXPORT_FIELDS = ("id", "position", "role", "content", "created_at")  # MessageSerializer's; it takes ten times as long


class MessageListView(ListAPIView[Message]):
    """All messages, in order."""

    serializer_class = MessageSerializer
    max_bytes = MAX_JSON_BYTES
    filter_backends = (KnownParameters,)
    parameters = frozenset({"page", "page_size"})

    def get_queryset(self) -> QuerySet[Message]:
        """The messages of the caller's conversation."""
        return rows.owned(self.request, self.kwargs["id"]).messages.order_by("position")

    @extend_schema(
        request=NewMessageSerializer,
        responses={
            201: MessageSerializer,
            200: OpenApiResponse(MessageSerializer, "It had been stored before, under the same key."),
        },
        parameters=[rows.IDEMPOTENCY_PARAMETER],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Add a message at the end. No language model answers it."""
        conversation, key = rows.owned(request, id), rows.idempotency_key(request)
        body = NewMessageSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        draft = Draft(Role(body.validated_data["role"]), body.validated_data["content"])
        stored = _append(conversation, draft, key)
        status = HTTPStatus.OK if stored.repeated else HTTPStatus.CREATED
        return Response(MessageSerializer(stored.messages[0]).data, status=status)


def _append(conversation: Conversation, draft: Draft, key: str) -> Appended:
    try:
        return turns.append(conversation, [draft], key)
    except turns.KeyReused:
        raise IdempotencyKeyReused from None
    except Conversation.DoesNotExist:  # deleted a moment ago
        raise ConversationNotFound(conversation.pk) from None


class ExportView(APIView):
    """A conversation as a file, for its owner to take away."""

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request, id: UUID) -> HttpResponse:
        """The conversation and all its messages, in order, as a file."""
        row = rows.owned(request, id)
        messages = b",".join(_export_batches(row))
        rows.owned(request, id)  # if it was deleted meanwhile, the file would look whole and lack messages
        body = b'{"conversation":%s,"messages":[%s]}' % (rows.represent(row).body, messages)
        disposition = f'attachment; filename="conversation-{row.pk}.json"'
        headers = {"Content-Disposition": disposition, "Cache-Control": "private, no-store"}
        return HttpResponse(body, content_type="application/json", headers=headers)


def _export_batches(conversation: Conversation) -> Iterator[bytes]:
    """The messages as JSON, up to the one that is the last when the export begins."""
    last = head(conversation)
    for first in range(1, last.position + 1 if last else 1, EXPORT_BATCH):
        batch = conversation.messages.filter(position__range=(first, first + EXPORT_BATCH - 1)).order_by("position")
        yield msgspec.json.encode(list(batch.values(*EXPORT_FIELDS)))[1:-1]
