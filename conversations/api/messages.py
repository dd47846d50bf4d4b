"""The messages of a conversation: list them, add one, export all."""

from collections.abc import Iterator
from http import HTTPStatus
from uuid import UUID

import msgspec
from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import pinning, prompts, turns
from conversations.api import rows
from conversations.api.pages import MessagePages
from conversations.api.serializers import (
    ConversationNotFound,
    ExportSerializer,
    IdempotencyKeyReused,
    MessageSerializer,
    NewMessageSerializer,
)
from conversations.models import MAX_BYTES, MAX_JSON_BYTES, Conversation, Message, MessageQuerySet, Prompt, Role
from conversations.recent import Head, head
from conversations.turns import Appended, Draft
from rest.pages import BoundedListView
from rest.query_parameters import KnownParameters
from rest.streaming import Interrupted, stream

EXPORT_BATCH = 500  # messages per query
EXPORT_BYTES = 2 * MAX_BYTES  # of them, but one at least; escaped in JSON its text may be six times as long


class MessageListView(BoundedListView[Message]):
    """List all messages of a conversation, in order. A page of long ones ends early; `next` continues after it."""

    serializer_class = MessageSerializer
    max_bytes = MAX_JSON_BYTES
    filter_backends = (KnownParameters,)
    pagination_class = MessagePages
    parameters = frozenset({"page", "page_size", "after"})

    def get_queryset(self) -> MessageQuerySet:
        """The messages of the caller's conversation."""
        return rows.owned(self.request, self.kwargs["id"]).messages.all()

    @extend_schema(
        request=NewMessageSerializer,
        responses={
            201: MessageSerializer,
            200: OpenApiResponse(MessageSerializer, "It had been stored before, under the same key."),
        },
        parameters=[rows.IDEMPOTENCY_PARAMETER],
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Add a message at the end of a conversation. No language model answers it."""
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
    def get(self, request: Request, id: UUID) -> StreamingHttpResponse:
        """Export a conversation and all its messages, in order, as a file. At most two run at a time for each user."""
        row = rows.owned(request, id)
        disposition = f'attachment; filename="conversation-{row.pk}.json"'
        headers = {"Content-Disposition": disposition, "Cache-Control": "private, no-store"}
        return stream(row.owner_id, _export(row, head(row)), {"Content-Type": "application/json", **headers})


def _export(conversation: Conversation, last: Head | None) -> Iterator[bytes]:
    """The file, up to what is the last message when the export begins."""
    yield b'{"conversation":%s,"messages":[' % rows.represent(conversation).body
    position = 0
    while last and position < last.position:
        limit = min(EXPORT_BATCH, last.position - position)
        messages = conversation.messages.read_from(position + 1, limit, EXPORT_BYTES)
        if not messages:
            raise Interrupted(f"{conversation} was deleted meanwhile.")
        yield (b"," if position else b"") + msgspec.json.encode(messages)[1:-1]
        position = messages[-1]["position"]
    yield b'],"prompts":{'
    yield from _prompts(conversation)
    yield b"}}"


def _prompts(conversation: Conversation) -> Iterator[bytes]:
    """The prompts that its messages name, and perhaps others that it had: text by SHA-256, one at a time."""
    for number, sha256 in enumerate(pinning.prompts_of(conversation)):
        try:
            text = prompts.load(sha256).text
        except Prompt.DoesNotExist:
            raise Interrupted(f"{conversation} was deleted meanwhile.") from None
        yield (b"," if number else b"") + b"%b:%b" % (msgspec.json.encode(sha256), msgspec.json.encode(text))
